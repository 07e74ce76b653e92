"""Makes the civil registry's database: made-up people with true check digits.

    python examples/civil-registry/make_people.py civil-registry.db

The table is as an old registry would have it: Estonian column names, dates as numbers, one-letter
status codes, NULL where nothing is known. It knows nothing of Sealway; the adapter's settings
translate. The same seed makes the same people. None of them exists.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

SEED = 2002
PEOPLE = 10_000
FIRST_CODE = "38001085718"  # the person whom the documentation asks for

_WEIGHTS = ((1, 2, 3, 4, 5, 6, 7, 8, 9, 1), (3, 4, 5, 6, 7, 8, 9, 1, 2, 3))
_OLDEST, _YOUNGEST = date(1925, 1, 1), date(2026, 10, 31)
_TODAY = date(2026, 11, 1)
_NAMES = """
Andres Erki Jaan Kaarel Lauri Madis Oskar Priit Rasmus Sander Tarmo Urmas Villem
Anu Birgit Eha Heli Kadri Liis Maarja Pille Riina Signe Tiina Urve Viivi
Allikas Haljas Jõgisalu Kaasikmets Lepanurm Metsavaht Nõmmik Orukask Pihlapuu Rannaveer Soosaar
"""
_MEN, _WOMEN, _FAMILIES = (line.split() for line in _NAMES.strip().splitlines())
_COUNTIES = (37, 39, 45, 50, 52, 56, 60, 64, 68, 71, 74, 79, 81, 84, 87)  # of ISO 3166-2:EE

_TABLE = """
CREATE TABLE ISIKUD (
    ISIKUKOOD  TEXT PRIMARY KEY,
    EESNIMI    TEXT,               -- given name; NULL for a child not named yet
    PERENIMI   TEXT NOT NULL,
    SUGU       TEXT NOT NULL,      -- M, N
    SYNNIKP    INTEGER NOT NULL,   -- date of birth, YYYYMMDD
    STAATUS    TEXT NOT NULL,      -- E alive, S dead, L emigrated, T missing
    SURMAKP    INTEGER,            -- date of death, YYYYMMDD
    ELUKOHT_MK TEXT,               -- county of residence, number of ISO 3166-2:EE
    ELUKOHT_AL INTEGER             -- living there since, YYYYMMDD
)
"""


class Person(NamedTuple):
    """One row, in the order of the table's columns."""

    code: str
    given: str | None
    family: str
    sex: str
    born: int
    status: str
    died: int | None
    county: str | None
    since: int | None


def check_digit(ten: str) -> int:
    """The eleventh digit of an Estonian personal code."""
    for weights in _WEIGHTS:
        rest = sum(int(digit) * weight for digit, weight in zip(ten, weights, strict=True)) % 11
        if rest < 10:
            return rest
    return 0


def person_code(born: date, is_man: bool, serial: int) -> str:
    """Century and sex, date of birth, serial number of the day, check digit."""
    first = 2 * (born.year // 100 - 18) + (1 if is_man else 2)
    ten = f"{first}{born:%y%m%d}{serial:03d}"
    return ten + str(check_digit(ten))


def make_people(count: int = PEOPLE, seed: int = SEED) -> Iterator[Person]:
    """``count`` people, no code twice; the first is the one of the documentation."""
    chance = random.Random(seed)
    yield Person(FIRST_CODE, "Jaan", "Jõgisalu", "M", 19800108, "E", None, "37", 20110301)
    seen = {FIRST_CODE}
    while len(seen) < count:
        born = _OLDEST + timedelta(days=chance.randrange((_YOUNGEST - _OLDEST).days))
        is_man = chance.random() < 0.49
        code = person_code(born, is_man, chance.randrange(1, 1000))
        if code not in seen:
            seen.add(code)
            yield _person(chance, code, born, is_man)


def _person(chance: random.Random, code: str, born: date, is_man: bool) -> Person:
    age = (_TODAY - born).days // 365
    status = chance.choices("ESLT", weights=(100, age * age / 50, 6, 0.3))[0]
    died = _day_after(chance, born) if status == "S" else None
    lives_here = status == "E" and chance.random() < 0.96
    return Person(
        code=code,
        given=None
        if age < 1 and chance.random() < 0.3
        else chance.choice(_MEN if is_man else _WOMEN),
        family=chance.choice(_FAMILIES),
        sex="M" if is_man else "N",
        born=_number(born),
        status=status,
        died=None if died is None else _number(died),
        county=str(chance.choice(_COUNTIES)) if lives_here else None,
        since=_number(_day_after(chance, born)) if lives_here and chance.random() < 0.9 else None,
    )


def _day_after(chance: random.Random, born: date) -> date:
    return born + timedelta(days=chance.randrange((_TODAY - born).days))


def _number(day: date) -> int:
    return int(f"{day:%Y%m%d}")


def write(file: Path, count: int = PEOPLE, seed: int = SEED) -> None:
    """Write the database anew."""
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as connection:
        connection.execute(_TABLE)
        connection.executemany(
            "INSERT INTO ISIKUD VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", make_people(count, seed)
        )
    connection.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    write(args.file, args.people, args.seed)
    print(f"{args.people} people in {args.file}")


if __name__ == "__main__":
    main()

"""The auditor: a copied data folder is proven offline; one changed byte is found."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

from demonstration.commands import Said
from demonstration.country import Country
from demonstration.screen import Screen

PLACE_LOG = 1
PLACE_INDEX = 3


def show_proof(screen: Screen, country: Country, scratch: Path) -> None:
    """The bus stops; what it wrote proves itself, to somebody who trusts one key."""
    with screen.step("The bus stops; an auditor proves its data, offline") as step:
        for name in ("office", "register"):
            country.processes.stop(name)
        code = country.processes.stop("bus")
        step.check(code == 0, "the bus ended in good order on SIGTERM", code)
        copy = scratch / "copy"
        shutil.copytree(country.home / "data", copy)
        said = _verify(country, copy)
        step.out('sealway audit verify copy --log-key "$LOG_KEY" --epoch-keys keys/epoch-1')
        *table, verdict = said.out.strip().splitlines()
        step.note("\n".join(re.sub(r"  +", "  ", line) for line in table if line))
        step.back(verdict, said.took_s)
        step.check(
            said.code == 0, "exit 0: every tree, checkpoint, record, receipt, signature", said.err
        )


def show_tampering(screen: Screen, country: Country, scratch: Path) -> None:
    """Somebody with the database in hand changes one byte of a leaf."""
    with screen.step("One byte of a stored leaf is changed with sqlite3") as step:
        copy = scratch / "tampered"
        shutil.copytree(country.home / "data", copy)
        before, after = _change_one_byte(copy)
        step.out(f"log {PLACE_LOG}, index {PLACE_INDEX}\n{before} …  becomes\n{after} …")
        said = _verify(country, copy)
        found = [line for line in said.out.splitlines() if line.startswith("false")]
        for line in found:
            step.note(re.sub(r"  +", "  ", line))
        step.back(said.out.strip().splitlines()[-1], said.took_s)
        step.check(said.code == 1, "exit 1: false", said.code)
        place = f"log {PLACE_LOG}, index {PLACE_INDEX}"
        step.check(any(place in line for line in found), f"it names the place: {place}", said.out)


def _verify(country: Country, folder: Path) -> Said:
    epochs = ("--epoch-keys", str(country.home / "keys" / "epoch-1"))
    return country.commands.sealway(
        "audit", "verify", str(folder), "--log-key", country.log_key, *epochs
    )


def _change_one_byte(folder: Path) -> tuple[str, str]:
    """Change a character of the leaf's random `n`; gives the leaf's beginning before and after."""
    (file,) = folder.glob("*.db")
    with sqlite3.connect(file) as database:
        first, entries = database.execute(
            "SELECT first_index, entries FROM log_group WHERE shard = ? AND first_index <= ? "
            "ORDER BY first_index DESC LIMIT 1",
            (PLACE_LOG, PLACE_INDEX),
        ).fetchone()
        start = 0
        for _ in range(PLACE_INDEX - first):
            start += 2 + int.from_bytes(entries[start : start + 2], "big")
        leaf = slice(start + 2, start + 2 + int.from_bytes(entries[start : start + 2], "big"))
        place = entries.index(b'"n":"', leaf.start) + 5
        changed = bytearray(entries)
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        database.execute(
            "UPDATE log_group SET entries = ? WHERE shard = ? AND first_index = ?",
            (bytes(changed), PLACE_LOG, first),
        )
    database.close()
    shown = slice(leaf.start, leaf.start + 60)
    return entries[shown].decode(), changed[shown].decode()

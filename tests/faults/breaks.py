"""Ways to break a stopped bus, or what its users remember: each must turn the checker red.

A checker that can't fail proves nothing. The lies are those of a disk, an operator or a bug: done
behind the bus's back, on its files.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.journal import read_journal
from tests.faults.site import Site


def _database(site: Site) -> sqlite3.Connection:
    return sqlite3.connect(site.bus / "data" / "sealway.db")


def _receipted(site: Site) -> str:
    """A message that its sender has a receipt for."""
    lines = read_journal(site.journal("load"))
    return str(next(line["id"] for line in lines if line["event"] == "receipt"))


def _id(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


def lose(site: Site) -> None:
    """A message is gone from the database, though its leaf is there."""
    with _database(site) as connection:
        id_ = _id(_receipted(site))
        for table in ("message", "exchange", "delivery"):
            connection.execute(f"DELETE FROM {table} WHERE id = ?", (id_,))


def forget(site: Site) -> None:
    """A question is accepted and never delivered."""
    with _database(site) as connection:
        id_ = _id(_receipted(site))
        connection.execute("UPDATE exchange SET state = 'open', answer = NULL WHERE id = ?", (id_,))
        connection.execute("UPDATE delivery SET state = 'withdrawn' WHERE id = ?", (id_,))


def alter(site: Site) -> None:
    """One byte of what was sent is another."""
    with _database(site) as connection:
        id_ = _id(_receipted(site))
        (content,) = connection.execute(
            "SELECT content FROM message WHERE id = ?", (id_,)
        ).fetchone()
        altered = bytes([content[0] ^ 1]) + content[1:]
        connection.execute("UPDATE message SET content = ? WHERE id = ?", (altered, id_))


def rewrite(site: Site) -> None:
    """A byte of a leaf is another, in the middle of the log."""
    with _database(site) as connection:
        first, entries = connection.execute(
            "SELECT first_index, entries FROM log_group WHERE shard = 1"
            " ORDER BY first_index LIMIT 1 OFFSET 3"
        ).fetchone()
        at = entries.index(b'"ts":') + 8
        digit = b"1" if entries[at : at + 1] != b"1" else b"2"
        connection.execute(
            "UPDATE log_group SET entries = ? WHERE shard = 1 AND first_index = ?",
            (entries[:at] + digit + entries[at + 1 :], first),
        )


def roll_back(site: Site) -> None:
    """Database and mark file are both put back to an earlier day: what an operator could do."""
    for name in ("data", "state"):
        shutil.rmtree(site.bus / name)
        shutil.copytree(site.folder / "earlier" / name, site.bus / name)


def call_twice(site: Site) -> None:
    """A provider was called again for what must not be repeated."""
    lines = read_journal(site.journal("letters"))
    once = next(line for line in lines if line["path"] == "/changes")
    with site.journal("letters").open("a") as file:
        file.write(json.dumps(once) + "\n")


def answer_twice(site: Site) -> None:
    """A consumer was given somebody else's answer as a second answer to its question."""
    answers = [e for e in read_journal(site.journal("load")) if e["event"] == "answer"]
    first, other = answers[0], answers[1]
    with site.journal("load").open("a") as file:
        file.write(json.dumps({**other, "id": first["id"]}) + "\n")


def give_false_receipt(site: Site) -> None:
    """A receipt was given for other bytes than were sent."""
    receipts = [e for e in read_journal(site.journal("load")) if e["event"] == "receipt"]
    first, other = receipts[0], receipts[1]
    with site.journal("load").open("a") as file:
        file.write(json.dumps({**first, "receipt": other["receipt"]}) + "\n")


def keep_earlier(site: Site) -> None:
    """Keep what `roll_back` puts back, of a bus that has just been killed."""
    for name in ("data", "state"):
        shutil.copytree(site.bus / name, site.folder / "earlier" / name)


@dataclass(frozen=True, slots=True)
class Break:
    """How to break it, which count must not be 0 then, and whether the bus has to be asked."""

    do: Callable[[Site], None]
    sort: str
    asks: bool = True


BREAKS: dict[str, Break] = {
    "lose": Break(lose, "lost"),
    "forget": Break(forget, "lost"),
    "alter": Break(alter, "lost"),
    "rewrite": Break(rewrite, "lost", asks=False),
    "rollback": Break(roll_back, "lost"),
    "receipt": Break(give_false_receipt, "lost"),
    "double": Break(answer_twice, "double"),
    "calls": Break(call_twice, "double", asks=False),
}

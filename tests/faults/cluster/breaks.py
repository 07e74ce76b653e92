"""Ways to break a stopped run, or what its users remember: each must turn the checker red.

Those of the database are a disk's, an operator's or a bug's lies, and the bus is asked again; those
of the evidence change what somebody saw, and stay.
"""

import json
import pickle
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from exchange.operation.key_files import load_log_signer
from signing.identifiers import message_id_bytes, parse_message_id
from signing.log.checkpoint import Checkpoint, sign_checkpoint
from tests.faults.cluster.evidence import FAULTS, read_effects
from tests.faults.cluster.histories import Found, Sort
from tests.faults.cluster.network import BY_CODE, RESIDENCE
from tests.faults.cluster.site import ClusterSite
from tests.faults.cluster.watch import WATCH
from tests.faults.journal import read_journal
from tests.support.agencies import BUS

LOAD: Final = "load-benefits"
DISTURBED_LOADS: Final = (LOAD, "load-territories")
HELD_BACK_S: Final = 4.0


def _events(site: ClusterSite, name: str, event: str) -> list[dict[str, Any]]:
    return [line for line in read_journal(site.journal(name)) if line["event"] == event]


def _add(site: ClusterSite, name: str, *lines: dict[str, Any]) -> None:
    with site.journal(name).open("a") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")


def _found(site: ClusterSite, change: Callable[[dict[str, Found]], None]) -> None:
    path = site.folder / "found.pickle"
    found: dict[str, Found] = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
    change(found)
    path.write_bytes(pickle.dumps(found))


def forget_outcome(site: ClusterSite) -> None:
    """A sender made a message and never got an outcome."""
    made = _events(site, LOAD, "made")[-1]
    _add(site, LOAD, {**made, "id": "00000000-0000-7000-8000-000000000000"})


def lose_answered(site: ClusterSite) -> None:
    """The bus says of a receipted message that it isn't there."""
    id_ = _events(site, LOAD, "receipt")[0]["id"]
    _found(site, lambda found: found.update({id_: Found(is_there=False)}))


def leave_open(site: ClusterSite) -> None:
    """A question of a healthy service is open for ever."""
    id_ = _events(site, LOAD, "receipt")[0]["id"]
    _found(site, lambda found: found.update({id_: Found(state="open", stuck=True)}))


def answer_twice(site: ClusterSite) -> None:
    """A consumer was given somebody else's answer as a second answer to its question."""
    first, other = _events(site, LOAD, "answer")[:2]
    _add(site, LOAD, {**other, "id": first["id"]})


def give_false_receipt(site: ClusterSite) -> None:
    """A receipt was given for other bytes than were sent."""
    first, other = _events(site, LOAD, "receipt")[:2]
    _add(site, LOAD, {**first, "receipt": other["receipt"]})


def refuse(site: ClusterSite) -> None:
    """A message was refused for no reason."""
    made = _events(site, LOAD, "made")[0]
    no = {"event": "refused", "at": made["at"], "code": "not-allowed", "detail": ""}
    _add(site, LOAD, {**no, "id": made["id"]})


def call_twice(site: ClusterSite) -> None:
    """A department was called again for what must not be repeated."""
    calls = _events(site, "register", "called")
    once = next(line for line in calls if BY_CODE[line["service"]].repeat == "never")
    _add(site, "register", once)


def act_twice(site: ClusterSite) -> None:
    """A department acted twice under one key."""
    calls = _events(site, "register", "called")
    effects = read_effects(site)
    id_ = next(
        line["id"]
        for line in calls
        if BY_CODE[line["service"]].repeat == "keyed" and line["id"] in effects
    )
    with closing(sqlite3.connect(site.folder / "register.db")) as connection, connection:
        connection.execute("INSERT INTO effect (id, at) VALUES (?, 0)", (id_,))


def ask_unsent(site: ClusterSite) -> None:
    """A department was asked what nobody sent."""
    call = _events(site, "register", "called")[0]
    _add(site, "register", {**call, "id": "00000000-0000-7000-8000-000000000000"})


def fork(site: ClusterSite) -> None:
    """A log's key signed another root for a size at which somebody saw it."""
    seen = next(
        line
        for line in reversed(_events(site, WATCH, "checkpoint"))
        if line["origin"].startswith(f"{BUS}/log/") and "/log/0" not in line["origin"]
    )
    origin, size = seen["origin"], int(seen["note"].splitlines()[1])
    signer = load_log_signer(site.bus / "keys", BUS, origin.rpartition("/")[2])
    note = sign_checkpoint(Checkpoint(origin, size, bytes(32)), signer)
    _add(site, WATCH, {**seen, "note": note})


def run_ahead(site: ClusterSite) -> None:
    """A checkpoint was signed for leaves that are not there."""
    seen = _events(site, WATCH, "checkpoint")[-1]
    origin = seen["origin"]
    signer = load_log_signer(site.bus / "keys", BUS, origin.rpartition("/")[2])
    note = sign_checkpoint(Checkpoint(origin, 10**9, bytes(32)), signer)
    _add(site, WATCH, {**seen, "note": note})


def withdraw(site: ClusterSite) -> None:
    """A grant was withdrawn all the time, and messages were accepted under it."""
    first = _events(site, "load-territories", "made")[0]["at"]
    gone = {"event": "withdrawn", "at": first - 1, "began": first - 2, "version": 1}
    again = {"event": "granted", "at": first + 1e6, "began": first + 1e6, "version": 10**6}
    _add(site, FAULTS, {**gone, "service": RESIDENCE}, {**again, "service": RESIDENCE})


def hold_back(site: ClusterSite) -> None:
    """Healthy services took seconds while others hung."""
    began, _ = json.loads((site.folder / "phases.json").read_text())["disturbed"]
    for name in DISTURBED_LOADS:
        lines = [*read_journal(site.journal(name))]
        for line in lines:
            if line["event"] == "answer" and line["at"] > began:
                line["at"] += HELD_BACK_S
        site.journal(name).write_text("")
        _add(site, name, *lines)


async def lose(connection: asyncpg.Connection, id_: bytes) -> None:
    """A message is gone from the database, though its leaf is there."""
    for table in ("message", "exchange", "delivery"):
        await connection.execute(f"DELETE FROM {table} WHERE id = $1", id_)


async def forget(connection: asyncpg.Connection, id_: bytes) -> None:
    """A question is accepted and never delivered."""
    await connection.execute("UPDATE exchange SET state = 'open', answer = NULL WHERE id = $1", id_)
    await connection.execute("UPDATE delivery SET state = 'withdrawn' WHERE id = $1", id_)


async def alter(connection: asyncpg.Connection, id_: bytes) -> None:
    """One byte of what was sent is another."""
    content = bytearray(await connection.fetchval("SELECT content FROM message WHERE id = $1", id_))
    content[0] ^= 1
    await connection.execute("UPDATE message SET content = $2 WHERE id = $1", id_, bytes(content))


async def rewrite(connection: asyncpg.Connection, id_: bytes) -> None:
    """A byte of a leaf is another: of the message's own."""
    shard, index = await connection.fetchrow("SELECT shard, idx FROM message WHERE id = $1", id_)
    first, entries = await connection.fetchrow(
        "SELECT first_index, entries FROM log_group WHERE shard = $1 AND first_index <= $2"
        " ORDER BY first_index DESC LIMIT 1",
        *(shard, index),
    )
    at = entries.index(b'"ts":') + 8
    digit = b"1" if entries[at : at + 1] != b"1" else b"2"
    await connection.execute(
        "UPDATE log_group SET entries = $3 WHERE shard = $1 AND first_index = $2",
        *(shard, first, entries[:at] + digit + entries[at + 1 :]),
    )


@dataclass(frozen=True, slots=True)
class EvidenceBreak:
    """What somebody saw is another; the run is judged again."""

    do: Callable[[ClusterSite], None]
    sort: Sort


@dataclass(frozen=True, slots=True)
class DatabaseBreak:
    """The database lies about one receipted message; the bus is asked again, then judged."""

    do: Callable[[asyncpg.Connection, bytes], Awaitable[None]]
    sort: Sort


EVIDENCE: Final[dict[str, EvidenceBreak]] = {
    "outcome": EvidenceBreak(forget_outcome, "lost"),
    "gone": EvidenceBreak(lose_answered, "lost"),
    "open": EvidenceBreak(leave_open, "lost"),
    "receipt": EvidenceBreak(give_false_receipt, "lost"),
    "answers": EvidenceBreak(answer_twice, "double"),
    "calls": EvidenceBreak(call_twice, "double"),
    "effects": EvidenceBreak(act_twice, "double"),
    "fork": EvidenceBreak(fork, "fork"),
    "ahead": EvidenceBreak(run_ahead, "fork"),
    "unsent": EvidenceBreak(ask_unsent, "false"),
    "refused": EvidenceBreak(refuse, "false"),
    "grant": EvidenceBreak(withdraw, "false"),
    "partition": EvidenceBreak(hold_back, "false"),
}
DATABASE: Final[dict[str, DatabaseBreak]] = {
    "lose": DatabaseBreak(lose, "lost"),
    "forget": DatabaseBreak(forget, "lost"),
    "alter": DatabaseBreak(alter, "false"),
    "rewrite": DatabaseBreak(rewrite, "fork"),
}
BREAKS: Final = {"kafka": (*EVIDENCE,), "database": (*EVIDENCE, *DATABASE)}
"""With Kafka, the topic of checkpoints would tell that the broken database was put right."""


async def break_database(site: ClusterSite, one: DatabaseBreak) -> None:
    """Break the first receipted message that the database still has."""
    connection = await asyncpg.connect(site.dsn)
    try:
        for line in _events(site, LOAD, "receipt"):
            id_ = message_id_bytes(parse_message_id(line["id"]))
            if await connection.fetchval("SELECT 1 FROM message WHERE id = $1", id_):
                await one.do(connection, id_)
                return
    finally:
        await connection.close()

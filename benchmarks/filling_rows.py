"""Exchanges that a bus has really kept, as templates, and the rows of others made after them.

Owns what is the same in a copy and what is its own: sizes, states, names and the times between its
moments are the real exchange's; ids, digests, leaves and the time itself are its own. Refuses to
know the tree: it answers leaf hashes in the order of the log.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from signing.encoding import b64url_encode
from signing.identifiers import message_id_bytes, new_message_id
from signing.log.leaf import Leaf, encode_leaf, parse_leaf
from signing.log.merkle import HASH_BYTES, leaf_hash
from signing.log.tiles import encode_entries, parse_entries
from signing.randomness import random_bytes

TEMPLATES_MAX: Final = 256

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What a message's copy has of the real one."""

    sender: int
    sealed: Row
    """Salt, envelope, content and their wrapped keys, in the order of the table's columns."""
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Exchange:
    """A real exchange that is answered; times are those after its request was accepted."""

    request: Message
    response: Message
    exchange: Row
    answer_after_ms: int
    delivery: Row
    due_after_ms: int
    kind: str


def real_exchanges(connection: sqlite3.Connection, log: int) -> list[Exchange]:
    """The latest answered exchanges of a log.

    Raises:
        RuntimeError: there is none.
    """
    leaves = _Leaves(connection, log)
    found = connection.execute(
        "SELECT e.id, e.answer, e.state, e.version, e.provider, e.service, e.answer_by,"
        " d.recipient, d.state, d.service, d.attempt, d.misbehaved, d.kind, d.due_at, d.accepted_at"
        " FROM exchange e JOIN delivery d ON d.id = e.id"
        " WHERE e.state = 'answered' AND d.state = 'done' AND e.answer IS NOT NULL"
        " ORDER BY e.id DESC LIMIT ?",
        (TEMPLATES_MAX,),
    ).fetchall()
    if not found:
        raise RuntimeError("The folder has no answered exchange; filling needs some to go by.")
    return [
        Exchange(
            _message(connection, leaves, row[0]),
            _message(connection, leaves, row[1]),
            row[2:6],
            row[6] - row[14],
            row[7:12],
            row[13] - row[14],
            row[12],
        )
        for row in found
    ]


def group_counts(connection: sqlite3.Connection, log: int) -> list[int]:
    """How many leaves each group of a log has: what shared a commit when it was real."""
    found = connection.execute(
        "SELECT count FROM log_group WHERE shard = ? ORDER BY first_index DESC LIMIT ?",
        (log, TEMPLATES_MAX),
    )
    return [int(count) for (count,) in found]


class _Leaves:
    """Leaves of a log by their index."""

    def __init__(self, connection: sqlite3.Connection, log: int) -> None:
        self._connection, self._log = connection, log

    def at(self, index: int) -> Leaf:
        first, entries = self._connection.execute(
            "SELECT first_index, entries FROM log_group WHERE shard = ? AND first_index <= ?"
            " ORDER BY first_index DESC LIMIT 1",
            (self._log, index),
        ).fetchone()
        return parse_leaf(list(parse_entries(entries))[index - first])


def _message(connection: sqlite3.Connection, leaves: _Leaves, id_: bytes) -> Message:
    sender, idx, *sealed = connection.execute(
        "SELECT sender, idx, leaf_salt, envelope, envelope_key, content, content_key"
        " FROM message WHERE id = ?",
        (id_,),
    ).fetchone()
    return Message(sender, tuple(sealed), leaves.at(idx))


class Rows:
    """The rows of some groups, from an index of a log on; leaves of one millisecond."""

    def __init__(self, log: int, size: int, at_ms: int) -> None:
        self._log, self._size, self._at_ms = log, size, at_ms
        self.hashes: list[bytes] = []
        self._leaves: list[bytes] = []
        self.tables: dict[str, list[Row]] = {
            name: [] for name in ("message", "exchange", "delivery", "log_group", "log_tile")
        }

    def add(self, likes: Sequence[Exchange]) -> None:
        """A group of requests, and after it the group of their answers."""
        ids = [(self._new_id(), self._new_id()) for _ in likes]
        requests = [
            self._message(like.request, request, None)
            for like, (request, _) in zip(likes, ids, strict=True)
        ]
        self._end_group()
        for like, (request, response), hash_ in zip(likes, ids, requests, strict=True):
            self._message(like.response, response, b64url_encode(hash_))
            self._exchange(like, request, response)
        self._end_group()

    def _new_id(self) -> bytes:
        return message_id_bytes(new_message_id(self._at_ms))

    def _message(self, like: Message, id_: bytes, ref: str | None) -> bytes:
        fresh, leaf = random_bytes(2 * HASH_BYTES), like.leaf
        raw = encode_leaf(
            leaf.k,
            self._at_ms,
            leaf.reg,
            b64url_encode(fresh[:HASH_BYTES]),
            sender=leaf.sender,
            to=leaf.to,
            svc=leaf.svc,
            grant=leaf.grant,
            test=leaf.test,
            ref=ref,
        )
        hash_ = leaf_hash(raw)
        place = (self._log, self._size + len(self.hashes), hash_)
        row = (id_, like.sender, fresh[HASH_BYTES:], *place, *like.sealed, self._at_ms)
        self.tables["message"].append(row)
        self.hashes.append(hash_)
        self._leaves.append(raw)
        return hash_

    def _exchange(self, like: Exchange, request: bytes, response: bytes) -> None:
        state, version, provider, service = like.exchange
        answer_by = self._at_ms + like.answer_after_ms
        row = (request, state, version, provider, service, answer_by, None, response)
        self.tables["exchange"].append(row)
        recipient, done, code, attempt, misbehaved = like.delivery
        due_at = self._at_ms + like.due_after_ms
        where = (request, recipient, done, code, due_at, None, None)
        delivery = (*where, attempt, misbehaved, None, self._at_ms, like.kind)
        self.tables["delivery"].append(delivery)

    def _end_group(self) -> None:
        first = self._size + len(self.hashes) - len(self._leaves)
        group = (self._log, first, len(self._leaves), encode_entries(self._leaves))
        self.tables["log_group"].append(group)
        self._leaves = []

"""The group commit's statements on SQLite: read facts, let the ledger decide, write its rows.

Runs on the writer thread inside one ``BEGIN IMMEDIATE … COMMIT``. Few statements with many rows
each: every statement is a hand-over of the interpreter lock.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exchange.storage.boxes import Box, NewDelivery
from exchange.storage.rows import (
    CommitResult,
    DeliveryState,
    EndExchange,
    ExchangeState,
    GroupFacts,
    GroupPlan,
    GroupQuestions,
    GroupWrite,
    ShardHead,
    Stored,
)
from exchange.storage.sqlite.boxes import BoxBounds
from signing.identifiers import SystemId
from signing.log.merkle import HASH_BYTES

_STEP = "step(id, at, code, attempt, next_at, detail, message)"
ROWS_A_STATEMENT = 64  # bounds the number of distinct prepared statements


class SystemNumbers:
    """Small integers for system identifiers, cached both ways; they never change."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._systems: dict[int, SystemId] = {}
        self.is_stale = False
        """Numbers were given since the last look; the next group looks before it writes."""

    def number(self, connection: sqlite3.Connection, system: SystemId) -> int:
        """The number of a system, given one inside this transaction when it has none."""
        if (known := self._numbers.get(system)) is not None:
            return known
        connection.execute("INSERT OR IGNORE INTO system_number(system) VALUES (?)", (system,))
        (number,) = connection.execute(
            "SELECT n FROM system_number WHERE system = ?", (system,)
        ).fetchone()
        # Cached only once it is surely committed: a rolled-back number would be given twice.
        return int(number)

    def learn(self, connection: sqlite3.Connection) -> None:
        """Cache what is committed."""
        self.is_stale = False
        for number, system in connection.execute("SELECT n, system FROM system_number"):
            self._numbers[system] = number
            self._systems[number] = SystemId(system)

    def system(self, connection: sqlite3.Connection, number: int) -> SystemId:
        """The system of a number."""
        if number not in self._systems:
            self.learn(connection)
        return self._systems[number]

    def find(self, connection: sqlite3.Connection, system: SystemId) -> int | None:
        """The number of a system, or None; writes nothing."""
        if system not in self._numbers:
            self.learn(connection)
        return self._numbers.get(system)


def commit_group(
    connection: sqlite3.Connection, plan: GroupPlan, numbers: SystemNumbers, bounds: BoxBounds
) -> tuple[CommitResult, GroupWrite | None]:
    """Swap the log's head and write the group's rows, or say why not and write nothing."""
    if numbers.is_stale:
        numbers.learn(connection)
    row = connection.execute(
        "SELECT l.epoch, l.size, l.root, l.state, d.version FROM log_shard l, directory d"
        " WHERE l.shard = ?",
        (plan.shard,),
    ).fetchone()
    if row is None or (*row[:3], row[3]) != (plan.epoch, plan.size, plan.root, "open"):
        return CommitResult.SHARD_LOST, None
    if row[4] != plan.directory_version:
        return CommitResult.DIRECTORY_CHANGED, None
    write = plan.decide(read_facts(connection, plan.questions, numbers, bounds))
    if write is not None:
        bounds.add(write)
        write_group(connection, write, numbers)
    return CommitResult.COMMITTED, write


def read_facts(
    connection: sqlite3.Connection,
    questions: GroupQuestions,
    numbers: SystemNumbers,
    bounds: BoxBounds,
) -> GroupFacts:
    """Answer a decision's questions from inside its transaction."""
    messages = {
        id_: Stored(digest, shard, idx)
        for id_, digest, shard, idx in select_in(
            connection, "SELECT id, digest, shard, idx FROM message WHERE id", questions.messages
        )
    }
    exchanges = {
        id_: ExchangeState(state)
        for id_, state in select_in(
            connection, "SELECT id, state FROM exchange WHERE id", questions.exchanges
        )
    }
    deliveries = {
        id_: (DeliveryState(state), attempt)
        for id_, state, attempt in select_in(
            connection, "SELECT id, state, attempt FROM delivery WHERE id", questions.deliveries
        )
    }
    boxed = _boxed(connection, questions, numbers, bounds) if questions.boxes else {}
    return GroupFacts(messages, exchanges, deliveries, boxed)


def _boxed(
    connection: sqlite3.Connection,
    questions: GroupQuestions,
    numbers: SystemNumbers,
    bounds: BoxBounds,
) -> Mapping[Box, int]:
    coming = len(questions.messages)
    return {
        box: bounds.figure(connection, box, numbers.number(connection, box[0]), most, coming)
        for box, most in questions.boxes.items()
    }


def select_in(
    connection: sqlite3.Connection, statement: str, ids: Sequence[bytes]
) -> Iterable[tuple[Any, ...]]:
    """The rows of many ids, some ids a statement."""
    for start in range(0, len(ids), ROWS_A_STATEMENT):
        some = ids[start : start + ROWS_A_STATEMENT]
        marks = ",".join("?" * len(some))
        yield from connection.execute(f"{statement} IN ({marks})", some)


def _insert(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        some = rows[start : start + ROWS_A_STATEMENT]
        one = f"({','.join('?' * len(some[0]))})"
        values = [value for row in some for value in row]
        connection.execute(f"INSERT INTO {into} VALUES {','.join([one] * len(some))}", values)


def write_group(connection: sqlite3.Connection, write: GroupWrite, numbers: SystemNumbers) -> None:
    """Write every row of a decided group; a unique violation aborts the whole."""
    _write_log(connection, write)
    _write_messages(connection, write, numbers)
    _write_ends(connection, write, numbers)
    shard = write.head.shard
    if write.records:
        _insert(connection, "record", [(shard, *row) for row in write.records])
    if write.refusals:
        _insert(connection, "refusal", [(shard, *row) for row in write.refusals])
    if write.directory_version is not None:
        connection.execute("UPDATE directory SET version = ?", (write.directory_version,))
    for row, version, index in write.objects:
        connection.execute(
            "INSERT OR REPLACE INTO directory_object(noun, key, version, idx, object, log)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (row.noun, row.key, version, index, row.object, shard),
        )
        if row.noun == "system":
            numbers.number(connection, SystemId(row.key))
    for head in write.opened:
        insert_head(connection, head)


def _write_log(connection: sqlite3.Connection, write: GroupWrite) -> None:
    head = write.head
    if not write.count:
        return
    connection.execute(
        "UPDATE log_shard SET size = ?, root = ?, frontier = ?, last_ts = ?,"
        " relayed_to = max(relayed_to, ?),"
        " note = CASE WHEN coalesce(note_size, 0) > ?7 THEN note ELSE ?6 END,"
        " note_size = max(coalesce(note_size, 0), ?7) WHERE shard = ?8",
        (
            head.size,
            head.root,
            b"".join(head.frontier),
            head.last_ts_ms,
            head.relayed_to,
            head.note,
            head.note_size,
            head.shard,
        ),
    )
    connection.execute(
        "INSERT INTO log_group VALUES (?, ?, ?, ?)",
        (head.shard, head.size - write.count, write.count, write.entries),
    )
    if write.tiles:
        _insert(connection, "log_tile", [(head.shard, *tile) for tile in write.tiles])


def _write_messages(
    connection: sqlite3.Connection, write: GroupWrite, numbers: SystemNumbers
) -> None:
    shard = write.head.shard
    if write.messages:
        rows = [
            (
                row.id,
                numbers.number(connection, row.sender),
                row.digest,
                shard,
                index,
                leaf_hash,
                row.leaf_salt,
                row.envelope,
                row.envelope_key,
                row.content,
                row.content_key,
                accepted_at,
            )
            for row, index, leaf_hash, accepted_at in write.messages
        ]
        _insert(connection, "message", rows)
    if write.answers:
        _insert(
            connection, "delivery", [_answer(connection, *one, numbers) for one in write.answers]
        )
    if not write.exchanges:
        return
    exchanges: list[tuple[object, ...]] = []
    deliveries: list[tuple[object, ...]] = []
    for new, accepted_at in write.exchanges:
        provider = numbers.number(connection, new.provider)
        exchanges.append((new.id, "open", 1, provider, new.service, new.answer_by_ms, None, None))
        deliveries.append(
            (
                new.id,
                provider,
                new.delivery_state,
                new.service,
                new.due_at_ms,
                None,
                None,
                0,
                0,
                None,
                accepted_at,
                "request",
            )
        )
    _insert(connection, "exchange", exchanges)
    _insert(connection, "delivery", deliveries)


def _answer(
    connection: sqlite3.Connection, new: NewDelivery, accepted_at: int, numbers: SystemNumbers
) -> tuple[object, ...]:
    """The row of an answer in its consumer's mailbox."""
    number = numbers.number(connection, new.recipient)
    return (
        *(new.id, number, "ready", new.service, new.due_at_ms, None, None, 0, 0, None),
        *(accepted_at, new.kind),
    )


def _write_ends(connection: sqlite3.Connection, write: GroupWrite, numbers: SystemNumbers) -> None:
    for start in range(0, len(write.ends), ROWS_A_STATEMENT):
        _end_exchanges(connection, write.ends[start : start + ROWS_A_STATEMENT])
    for done in write.confirms:
        connection.execute(
            "UPDATE delivery SET state = 'done', owner = NULL, lease_until = NULL"
            " WHERE id = ? AND recipient = ?",
            (done.id, numbers.number(connection, done.recipient)),
        )
    for kill in write.kills:
        connection.execute(
            "UPDATE delivery SET state = 'dead', cause = ?, owner = NULL, lease_until = NULL"
            " WHERE id = ? AND recipient = ?"
            " AND state IN ('ready', 'queued', 'leased', 'in-flight')",
            (kill.cause, kill.id, numbers.number(connection, kill.recipient)),
        )
    for one in write.settles:
        connection.execute(
            "UPDATE delivery SET state = ?, due_at = ?, misbehaved = 0, cause = NULL"
            " WHERE id = ? AND recipient = ? AND state = 'dead'",
            (one.state, one.due_at_ms, one.id, numbers.number(connection, one.recipient)),
        )
    if write.steps:
        rows = [
            (*(row.id, row.at_ms, row.code, row.attempt, row.next_at_ms), row.detail, row.message)
            for row in write.steps
        ]
        _insert(connection, _STEP, rows)


def _end_exchanges(connection: sqlite3.Connection, ends: Sequence[EndExchange]) -> None:
    """End open exchanges and their deliveries; one that isn't open aborts the whole."""
    rows = ",".join(["(?, ?, ?)"] * len(ends))
    changed = connection.execute(
        "UPDATE exchange SET state = new.column2, version = version + 1, answer = new.column3"
        f" FROM (VALUES {rows}) AS new WHERE exchange.id = new.column1 AND exchange.state = 'open'",
        [value for end in ends for value in (end.id, end.state, end.answer)],
    ).rowcount
    if changed != len(ends):
        raise sqlite3.IntegrityError("an exchange was not open when its end was written")
    rows = ",".join(["(?, ?)"] * len(ends))
    connection.execute(
        "UPDATE delivery SET state = new.column2, owner = NULL, lease_until = NULL"
        f" FROM (VALUES {rows}) AS new WHERE delivery.id = new.column1"
        " AND delivery.state IN ('ready', 'queued', 'leased', 'in-flight', 'dead')",
        [value for end in ends for value in (end.id, end.delivery_state)],
    )


def insert_head(connection: sqlite3.Connection, head: ShardHead) -> None:
    """Write the row of a log that is opened."""
    connection.execute(
        "INSERT INTO log_shard VALUES (?, ?, NULL, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            head.shard,
            head.origin,
            head.epoch,
            head.state,
            head.size,
            head.root,
            b"".join(head.frontier),
            head.last_ts_ms,
            head.relayed_to,
            head.note,
            head.note_size,
        ),
    )


HEAD_COLUMNS = (
    "shard, origin, epoch, state, size, root, frontier, last_ts, relayed_to, note, note_size"
)


def parse_head(row: tuple[object, ...]) -> ShardHead:
    """A head from its columns, in the order of `HEAD_COLUMNS`."""
    shard, origin, epoch, state, size, root, frontier, last_ts, relayed_to, note, note_size = row
    assert isinstance(frontier, bytes)
    hashes = tuple(frontier[at : at + HASH_BYTES] for at in range(0, len(frontier), HASH_BYTES))
    return ShardHead(
        shard,  # type: ignore[arg-type]
        origin,  # type: ignore[arg-type]
        epoch,  # type: ignore[arg-type]
        state,  # type: ignore[arg-type]
        size,  # type: ignore[arg-type]
        root,  # type: ignore[arg-type]
        hashes,
        last_ts,  # type: ignore[arg-type]
        relayed_to,  # type: ignore[arg-type]
        note,  # type: ignore[arg-type]
        note_size or 0,  # type: ignore[arg-type]
    )

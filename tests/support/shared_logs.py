"""Logs that several processes share: a database in memory, and what a process has on it.

The store keeps what the port promises for the ledger: a swap of the head by epoch, size and root,
leases, notes that never go back. It can be away, and lose the reply to a commit.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exchange.ledger.decide import Decision
from exchange.ledger.entries import LeafDraft, MessageEntry
from exchange.ledger.errors import LedgerError
from exchange.ledger.log_writer import LogWriter
from exchange.ledger.marks import Marks
from exchange.ledger.shards import empty_head, open_log
from exchange.storage.errors import StorageInDoubt, StorageUnavailable
from exchange.storage.rows import (
    CommitResult,
    GroupFacts,
    GroupPlan,
    GroupWrite,
    ShardHead,
    ShardLease,
    Stored,
)
from signing.keys import ED25519, generate_key
from signing.log.leaf import LEAF_SALT_BYTES, commit_to
from signing.log.note import NoteSigner
from tests.conformance.storage.rows import NOW, message

BUS = "sx.example"
SALT = b"s" * LEAF_SALT_BYTES


def origin(number: int) -> str:
    """A log's origin."""
    return f"{BUS}/log/{number}"


def entry(number: int) -> MessageEntry:
    """A message to record; the same number is the same message."""
    return MessageEntry(LeafDraft("event", commit_to(SALT, act(number))), SALT, message(number))


def act(number: int) -> bytes:
    """What its leaf commits to."""
    return b"envelope %d" % number


class Database:
    """What is committed, and who holds what."""

    def __init__(self, *numbers: int) -> None:
        self.heads: dict[int, ShardHead] = {}
        self.groups: dict[int, list[tuple[int, bytes]]] = {}
        self.tiles: dict[tuple[int, int, int], bytes] = {}
        self.known: dict[bytes, Stored] = {}
        self.owners: dict[int, str] = {}
        self.version = 0
        for number in numbers:
            self.open(number)

    def open(self, number: int) -> None:
        """A new log."""
        self.heads[number] = empty_head(number, origin(number))
        self.groups[number] = []

    def copy(self) -> dict[str, Any]:
        """Everything, to put back later."""
        return {name: _copied(value) for name, value in vars(self).items()}

    def put_back(self, copy: dict[str, Any]) -> None:
        """An older copy in the place of what is."""
        vars(self).update({name: _copied(value) for name, value in copy.items()})

    def write(self, write: GroupWrite) -> None:
        """One group's rows."""
        number = write.head.shard
        self.groups[number].append((write.head.size - write.count, write.entries))
        self.heads[number] = write.head
        self.tiles |= {(number, level, tile): hashes for level, tile, hashes in write.tiles}
        for row, index, _, _ in write.messages:
            self.known[row.id] = Stored(row.digest, number, index)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: list(one) if isinstance(one, list) else one for key, one in value.items()}
    return value


@dataclass
class SharedStore:
    """One process's store on it, and its reading side."""

    database: Database
    owner: str
    away: bool = False
    doubt: str | None = None
    """What becomes of the next commit, whose reply is lost: ``written`` or ``unwritten``."""
    notes: list[tuple[int, int, int | None]] = field(default_factory=list)
    """Notes saved: log, size, relayed to."""
    renewals: int = 0

    @property
    def reads(self) -> SharedStore:
        """Itself."""
        return self

    def _check(self) -> None:
        if self.away:
            raise StorageUnavailable("The database is away.")

    async def commit(self, plan: GroupPlan) -> tuple[CommitResult, GroupWrite | None]:
        """Swap the head and write, or say why not."""
        await asyncio.sleep(0)
        self._check()
        database, doubt = self.database, self.doubt
        self.doubt = None
        if doubt != "unwritten":
            head = database.heads[plan.shard]
            found = (head.epoch, head.size, head.root, head.state)
            if found != (plan.epoch, plan.size, plan.root, "open"):
                return CommitResult.SHARD_LOST, None
            if database.version != plan.directory_version:
                return CommitResult.DIRECTORY_CHANGED, None
            write = plan.decide(GroupFacts(database.known, {}, {}, {}))
            if write is not None:
                database.write(write)
        if doubt is not None:
            raise StorageInDoubt("It may have been recorded.")
        return CommitResult.COMMITTED, write

    async def save_note(
        self, shard: int, note: str, size: int, relayed_to: int | None = None
    ) -> None:
        """Keep a note and the cursor, unless what is there is newer."""
        self._check()
        self.notes.append((shard, size, relayed_to))
        head = self.database.heads[shard]
        if size >= head.note_size:
            head = replace(head, note=note, note_size=size)
        cursor = max(head.relayed_to, relayed_to or 0)
        self.database.heads[shard] = replace(head, relayed_to=cursor)

    async def take_log(
        self, shard: int | None = None, among: Sequence[int] | None = None
    ) -> ShardHead | None:
        """A log nobody holds, under a higher epoch."""
        await asyncio.sleep(0)
        self._check()
        database = self.database
        for number, head in sorted(database.heads.items()):
            holder = database.owners.get(number)
            is_free = holder is None or (shard is not None and holder == self.owner)
            wanted = shard is None and (among is None or number in among)
            if number > 0 and head.state == "open" and is_free and (wanted or number == shard):
                database.owners[number] = self.owner
                database.heads[number] = replace(head, epoch=head.epoch + 1)
                return database.heads[number]
        return None

    async def renew_log(self, shard: int, epoch: int) -> bool:
        """Whether it is still held."""
        self._check()
        self.renewals += 1
        return self._holds(shard, epoch)

    async def release_log(self, shard: int, epoch: int) -> None:
        """Let go of it."""
        self._check()
        if self._holds(shard, epoch):
            del self.database.owners[shard]

    def _holds(self, shard: int, epoch: int) -> bool:
        head = self.database.heads[shard]
        return self.database.owners.get(shard) == self.owner and head.epoch == epoch

    async def head(self, shard: int) -> ShardHead | None:
        """A log's head."""
        self._check()
        return self.database.heads.get(shard)

    async def leases(self) -> list[ShardLease]:
        """Who holds what."""
        self._check()
        owners = self.database.owners
        return [
            ShardLease(
                *(head.shard, head.state, owners.get(head.shard), head.shard in owners),
                *(head.size, head.note_size, head.relayed_to),
            )
            for head in self.database.heads.values()
        ]

    async def entries(self, shard: int, first: int, last: int) -> list[tuple[int, bytes]]:
        """Every group; more than asked for is allowed."""
        self._check()
        return list(self.database.groups[shard])

    async def tile(self, shard: int, level: int, number: int) -> bytes | None:
        """A full tile."""
        self._check()
        return self.database.tiles.get((shard, level, number))


class LogKeys:
    """The keys of the logs: the same in every process."""

    def __init__(self, *numbers: int) -> None:
        self.signers: dict[int, NoteSigner] = {}
        for number in numbers:
            self.make(number)

    def make(self, number: int) -> NoteSigner:
        """A key for a log."""
        self.signers[number] = NoteSigner(origin(number), generate_key(ED25519))
        return self.signers[number]


@dataclass
class OneProcess:
    """A process of the bus: a store, the machine's marks, the keys."""

    store: Any
    marks: Marks
    keys: LogKeys
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def clock(self) -> int:
        """Milliseconds since 1970, later at every look."""
        return NOW + next(self.numbers)

    async def open(self, head: ShardHead, **more: Any) -> LogWriter:
        """A writer for a log, as wiring opens it."""
        signer = self.keys.signers[head.shard]
        store = self.store
        return await open_log(
            store, store.reads, head, signer, self.marks, self.clock, shared=True, **more
        )

    async def writer(self, number: int = 1, **more: Any) -> LogWriter:
        """A writer for a log as it stands; its lease isn't looked at."""
        head = await self.store.reads.head(number)
        assert head is not None
        return await self.open(head, **more)


@dataclass
class FixedLog:
    """A held log that is never lost."""

    writer: LogWriter

    async def again(self, lost: LogWriter) -> LogWriter:
        """It isn't."""
        raise AssertionError("this log can't be lost")

    def relayed(self, shard: int, end: int) -> None:
        """Nobody asks."""


async def commit(writer: LogWriter, *numbers: int) -> Decision:
    """Commit a group of these messages."""
    return await writer.commit([entry(number) for number in numbers], 0)


class Site:
    """A machine with a database; processes on it as asked for."""

    def __init__(self, folder: Path, *numbers: int) -> None:
        self.folder = folder
        self.database = Database(*numbers)
        self.keys = LogKeys(*numbers)
        self.frozen: list[tuple[int, str]] = []
        self._open_marks: list[Marks] = []

    def process(self, owner: str, machine: str = "one") -> OneProcess:
        """One more process; those of one machine share a mark file."""
        return OneProcess(SharedStore(self.database, owner), self.marks(machine), self.keys)

    def marks(self, machine: str = "one") -> Marks:
        """A machine's mark file, opened once more."""
        path = self.folder / f"marks-{machine}"
        path.touch(0o600)
        self._open_marks.append(Marks(path))
        return self._open_marks[-1]

    def close(self) -> None:
        """Close the mark files."""
        for marks in self._open_marks:
            marks.close()

    async def another(self) -> int:
        """Open one more log."""
        number = max(self.database.heads) + 1
        self.keys.make(number)
        self.database.open(number)
        return number

    async def freeze(self, head: ShardHead, reason: LedgerError) -> None:
        """Put a log aside."""
        found = self.database.heads[head.shard]
        self.database.heads[head.shard] = replace(found, epoch=found.epoch + 1, state="frozen")
        self.frozen.append((head.shard, reason.detail))

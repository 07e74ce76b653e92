"""Opening a bus's logs and directory: from files and rows to writers that may sign.

Owns the first leaves of log 0, the opening of traffic logs, and what happens when a log turns out
to be behind what was signed: a traffic log is put aside for ever; behind log 0 the whole bus is
frozen, reading goes on, a person decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exchange.acceptance.changes import Actor, DirectoryLog
from exchange.acceptance.directory import DirectoryInForce, object_rows
from exchange.acceptance.record import BUS, Recorder
from exchange.api.context import LogTold
from exchange.bus.port import CheckpointBoard
from exchange.ledger.errors import LedgerError, LogUnavailable
from exchange.ledger.log_writer import Clock, LogWriter
from exchange.ledger.marks import Marks
from exchange.ledger.names import directory_number, number_of
from exchange.ledger.shards import KnownTree, empty_head, open_log
from exchange.operation.log_keys import LogKeys
from exchange.operation.settings import Settings, SettingsInvalid
from exchange.storage.port import LeasedStore, Store
from exchange.storage.rows import ShardHead
from registry.changes import Change, bus_key_fact, plan
from registry.directory import Directory
from registry.policy import POLICY_KEY
from signing.certificates import ParsedCertificate
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, verify_checkpoint

_OWN = Actor(BUS, BUS)
OPEN = "open"
FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Place:
    """What logs are opened with."""

    store: LeasedStore
    settings: Settings
    keys: LogKeys
    marks: Marks
    recorder: Recorder
    certificate: ParsedCertificate
    clock: Clock
    board: CheckpointBoard
    known: Mapping[str, str]
    """By origin, the highest signed checkpoint that is told elsewhere, as a note."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes write to this database too."""
        return self.settings.database is not None

    async def view(self, shard: int) -> LogWriter | None:
        """A log as it stands in the database, to prove from; None when there is none."""
        head = await self.store.reads.head(shard)
        return None if head is None else await self.writer(head)

    async def writer(self, head: ShardHead) -> LogWriter:
        """A writer for a log; frozen when the database is behind what was signed of it.

        A log whose key isn't here can be proven from, and not signed.
        """
        return await open_log(
            self.store,
            self.store.reads,
            head,
            self.keys.signer(head.shard),
            self.marks,
            self.clock,
            self.known_of(head),
            shared=self.is_shared,
        )

    async def tell_logs(self) -> list[LogTold]:
        """Every log, as strangers are told: the log 0 in force first, then the others by number."""
        heads = await self.store.reads.heads()
        zero = directory_number(heads)
        told = [head for head in heads if head.shard > 0 or head.shard == zero]
        return [
            LogTold(max(head.shard, 0), head.origin, str(signer.verifier) if signer else None)
            for head in sorted(told, key=lambda one: one.shard)
            for signer in (self.keys.signer(head.shard),)
        ]

    def signed(self, head: ShardHead) -> tuple[int, bytes] | None:
        """Size and root of the longest tree that is known to be signed of a log."""
        trees = self.signed_trees(head)
        return max(((one.size, one.root) for one in trees), default=None)

    def signed_trees(self, head: ShardHead) -> list[KnownTree]:
        """Every tree that is known to be signed of a log, here or elsewhere."""
        mark, trees = self.marks.of(head.origin), list[KnownTree](self.known_of(head))
        return trees if mark is None else [mark, *trees]

    def known_of(self, head: ShardHead) -> Sequence[Checkpoint]:
        """What others have told to be signed of a log, as far as its key bears it out."""
        note, signer = self.known.get(head.origin), self.keys.signer(head.shard)
        if note is None or signer is None:
            return ()
        try:
            return (verify_checkpoint(note, signer.verifier),)
        except ProofInvalid:
            return ()  # anybody who may write to the topic could have put it there


def directory_head(heads: Sequence[ShardHead]) -> ShardHead | None:
    """The head of the log 0 in force, or None in a database that has none yet."""
    number = directory_number(heads)
    return next((head for head in heads if head.shard == number), None)


def open_traffic(heads: Sequence[ShardHead]) -> list[ShardHead]:
    """The heads of the traffic logs that are open, by number."""
    found = [head for head in heads if head.shard > 0 and head.state == OPEN]
    return sorted(found, key=lambda one: one.shard)


async def open_directory(place: Place) -> tuple[DirectoryLog, DirectoryInForce]:
    """Log 0 and the directory it tells.

    Raises:
        SettingsInvalid: there is no log 0 in this database yet.
    """
    store = place.store
    head = directory_head(await store.reads.heads())
    if head is None:
        raise SettingsInvalid(["The database has no logs yet; run `sealway migrate`."])
    writer = await place.writer(head)
    reads = store.reads if place.is_shared else None
    directory = DirectoryInForce(await load_directory(store), reads)
    log = DirectoryLog(
        writer, place.recorder, directory, store.reads, place.clock, shared=place.is_shared
    )
    return log, directory


async def load_directory(store: Store) -> Directory:
    """The directory as its rows say; log records aren't part of it."""
    version = await store.reads.directory_version()
    return Directory.restore(version, object_rows(await store.reads.objects()))


async def begin_log_zero(place: Place) -> None:
    """Write the head of a new bus's log 0; harmless when it is there."""
    if directory_head(await place.store.reads.heads()) is None:
        await place.store.open_log(empty_head(0, place.keys.origin(0)))


async def first_leaves(place: Place, log: DirectoryLog, directory: DirectoryInForce) -> None:
    """Index 0 the record key, index 1 the policy; a changed policy is one more record."""
    settings = place.settings
    if directory.current.bus_key(place.certificate.x5t) is None:
        await log.record_facts([bus_key_fact(place.certificate.der)], _OWN)
    changes = [Change("policy", _policy(settings), POLICY_KEY)]
    planned = plan(directory.current, changes, place.clock())
    await log.record_facts(planned.facts, _OWN)


def _policy(settings: Settings) -> dict[str, Any]:
    limits = {
        "part_bytes_max": settings.limits.part_bytes_max,
        "envelope_bytes_max": settings.limits.envelope_bytes_max,
        "id_age_s_max": settings.limits.id_age_s_max,
        "id_ahead_s_max": settings.limits.id_ahead_s_max,
    }
    if settings.retention.messages_days is not None:  # so that a verifier knows what may be gone
        limits["messages_days"] = settings.retention.messages_days
    return {
        "bus": settings.bus,
        "instance": settings.instance,
        "algorithms": list(settings.policy.algorithms),
        "founder": settings.founder_counts,
        "limits": limits,
    }


async def raise_epoch(store: Store, writer: LogWriter) -> None:
    """Whoever holds the file's lock raises the epoch: groups of an earlier holder can't commit."""
    head = replace(writer.head, epoch=writer.head.epoch + 1)
    await store.set_epoch(head.shard, head.epoch, head.state)
    writer.head = head


async def open_shards(place: Place, log: DirectoryLog, count: int) -> list[int]:
    """Open traffic logs until ``count`` are open; the numbers of the new ones."""
    made: list[int] = []
    while len(open_traffic(await place.store.reads.heads())) < count:
        made.append(await open_another(place, log))
    if made:
        await log.write_heads(lambda: open_heads(place.store))
    return made


async def open_heads(store: Store) -> list[ShardHead]:
    """The committed heads of all open traffic logs."""
    return open_traffic(await store.reads.heads())


async def open_another(place: Place, log: DirectoryLog) -> int:
    """Open one more traffic log, its key made here when there is none; its number.

    Numbers are never used again: above every number in the database and in the signer's file.
    """
    number = 1 + max(
        [0]
        + [head.shard for head in await place.store.reads.heads()]
        + [_number(mark.origin) for mark in place.marks.all()]
        + [_number(origin) for origin in place.known]
    )
    signer = place.keys.made(number)
    head = empty_head(number, signer.verifier.name)
    await log.open_shard(head, str(signer.verifier), place.settings.bus)
    return number


def _number(origin: str) -> int:
    return number_of(origin.rpartition("/log/")[2]) or 0


async def freeze_shard(place: Place, log: DirectoryLog, head: ShardHead) -> None:
    """Put a traffic log aside for ever: the database is behind what was signed of it.

    The record first: a log whose row alone said so would be missing from heads unexplained.
    """
    await record_end(place, log, head, FROZEN)
    await place.store.set_epoch(head.shard, head.epoch + 1, FROZEN)


async def record_end(place: Place, log: DirectoryLog, head: ShardHead, state: str) -> None:
    """Record that a traffic log ends, and where: as far as it was signed, or as far as it is there.

    A group may have been committed and not signed when its process died; it is signed by whoever is
    asked for a receipt, and counts.
    """
    signer = place.keys.needed(head.shard)
    there, signed = (head.size, head.root), place.signed(head)
    ends = there if signed is None or head.size > signed[0] else signed
    await log.close_shard(head, str(signer.verifier), place.settings.bus, state, ends)


def freeze_all(reason: LedgerError, writers: Sequence[LogWriter]) -> LedgerError:
    """Freeze the bus: nothing is accepted or changed in this process any more."""
    frozen: LedgerError = LogUnavailable(f"The bus is frozen and accepts nothing. {reason.detail}")
    for writer in writers:
        writer.freeze(frozen)
    return frozen

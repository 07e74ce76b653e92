"""Opening a bus's logs and directory: from files and rows to writers that may sign.

Owns the first leaves of log 0 and what happens when a log turns out to be behind its mark: the
whole bus is frozen, reading goes on, a person decides.
"""

import json
from dataclasses import dataclass, replace

from exchange.acceptance.changes import Actor, DirectoryLog
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import BUS, Recorder
from exchange.ledger.errors import LedgerError, LogUnavailable
from exchange.ledger.log_writer import Clock, LogWriter
from exchange.ledger.marks import Marks
from exchange.ledger.shards import empty_head, open_log
from exchange.operation.settings import Settings
from exchange.storage.sqlite.store import SqliteStore
from registry.changes import Change, bus_key_fact, plan
from registry.directory import Directory
from registry.policy import POLICY_KEY
from signing.certificates import ParsedCertificate
from signing.log.note import NoteSigner

LOG_NOUN = "log"
_OWN = Actor(BUS, BUS)


@dataclass(frozen=True, slots=True)
class LogSigners:
    """The keys of log 0 and of the one traffic log."""

    directory: NoteSigner
    traffic: NoteSigner


@dataclass(frozen=True, slots=True)
class OpenedLogs:
    """What is open: both writers, and the directory that log 0 tells."""

    directory_log: DirectoryLog
    traffic: LogWriter
    directory: DirectoryInForce

    @property
    def writers(self) -> dict[int, LogWriter]:
        """The writers by log number."""
        return {0: self.directory_log.writer, 1: self.traffic}


async def open_logs(
    store: SqliteStore,
    settings: Settings,
    signers: LogSigners,
    marks: Marks,
    recorder: Recorder,
    certificate: ParsedCertificate,
    clock: Clock,
) -> OpenedLogs:
    """Open log 0 and log 1, writing their first leaves when they are new."""
    heads = {head.shard: head for head in await store.reads.heads()}
    origin = signers.directory.verifier.name
    if 0 not in heads:
        await store.open_log(empty_head(0, origin))
        heads = {head.shard: head for head in await store.reads.heads()}
    writer = await open_log(store, store.reads, heads[0], signers.directory, marks, clock)
    directory = DirectoryInForce(await load_directory(store))
    log = DirectoryLog(writer, recorder, directory, clock)
    if writer.failed is None:
        await _first_leaves(log, directory, settings, certificate, clock())
        if 1 not in heads:
            await _open_traffic(log, signers.traffic, settings.bus)
    heads = {head.shard: head for head in await store.reads.heads()}
    head = heads.get(1) or empty_head(1, signers.traffic.verifier.name)
    traffic = await open_log(store, store.reads, head, signers.traffic, marks, clock)
    _freeze_both(writer, traffic)
    if traffic.failed is None:
        await _raise_epochs(store, (writer, traffic))
    return OpenedLogs(log, traffic, directory)


async def load_directory(store: SqliteStore) -> Directory:
    """The directory as its rows say; log records aren't part of it."""
    rows = [
        (noun, key, json.loads(text))
        for noun, key, _, text in await store.reads.objects()
        if noun != LOG_NOUN
    ]
    return Directory.restore(await store.reads.directory_version(), rows)


async def _first_leaves(
    log: DirectoryLog,
    directory: DirectoryInForce,
    settings: Settings,
    certificate: ParsedCertificate,
    now_ms: int,
) -> None:
    """Index 0 the record key, index 1 the policy; a changed policy is one more record."""
    if directory.current.bus_key(certificate.x5t) is None:
        await log.record_facts([bus_key_fact(certificate.der)], _OWN)
    policy = {
        "bus": settings.bus,
        "instance": settings.instance,
        "algorithms": list(settings.policy.algorithms),
        "founder": settings.policy.founder,
        "limits": {
            "part_bytes_max": settings.limits.part_bytes_max,
            "envelope_bytes_max": settings.limits.envelope_bytes_max,
            "id_age_s_max": settings.limits.id_age_s_max,
            "id_ahead_s_max": settings.limits.id_ahead_s_max,
        },
    }
    planned = plan(directory.current, [Change("policy", policy, POLICY_KEY)], now_ms)
    await log.record_facts(planned.facts, _OWN)


async def _open_traffic(log: DirectoryLog, signer: NoteSigner, holder: str) -> None:
    head = empty_head(1, signer.verifier.name)
    await log.open_shard(head, str(signer.verifier), holder)
    await log.write_heads([head])


async def _raise_epochs(store: SqliteStore, writers: tuple[LogWriter, ...]) -> None:
    """Whoever holds the file's lock raises the epochs: groups of an earlier holder can't commit."""
    for writer in writers:
        head = replace(writer.head, epoch=writer.head.epoch + 1)
        await store.set_epoch(head.shard, head.epoch, head.state)
        writer.head = head


def _freeze_both(directory: LogWriter, traffic: LogWriter) -> None:
    reason = directory.failed or traffic.failed
    if reason is None:
        return
    frozen: LedgerError = LogUnavailable(f"The bus is frozen and accepts nothing. {reason.detail}")
    directory.freeze(frozen)
    traffic.freeze(frozen)

"""Wiring: the one place where everything is made and tied together, and taken apart again."""

import hmac
import os
import socket
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from adapters.base import Adapter
from adapters.egress import Egress
from adapters.errors import AdapterSettingsInvalid
from adapters.plugins import load
from exchange.acceptance.accept import Acceptance, Workshop
from exchange.acceptance.arrival import Terms
from exchange.acceptance.record import Act, Parties, Recorder
from exchange.acceptance.refusals import CountedRefusals, Refusals
from exchange.acceptance.requests import Requests
from exchange.acceptance.stored import OpenedMessages
from exchange.api.context import Api, ApiLimits
from exchange.bus.embedded import EmbeddedBus
from exchange.delivery.answers import HostedKeys
from exchange.delivery.deliverer import Deliverer, DeliveryTimes, Tools
from exchange.delivery.mailbox import Mailbox
from exchange.delivery.relay import Relay
from exchange.delivery.sweeper import Sweeper, SweepTimes
from exchange.delivery.waiting import Waiting
from exchange.ledger.entries import Outcome
from exchange.ledger.group_commit import GroupCommitter, Submission
from exchange.ledger.marks import Marks
from exchange.ledger.receipts import Receipts
from exchange.operation.anchoring import Anchoring
from exchange.operation.founder import load_founder
from exchange.operation.initialise import MARKS
from exchange.operation.key_files import (
    load_bus_signer,
    load_epoch_keys,
    load_log_signer,
    load_signer,
)
from exchange.operation.opening import LogSigners, OpenedLogs, open_logs
from exchange.operation.settings import Settings
from exchange.storage.sqlite.store import SqliteStore
from schemas.catalogue import Validators
from signing.at_rest import EpochKeys
from signing.encoding import b64_encode
from signing.identifiers import SystemId
from signing.keys import Signer

log = structlog.get_logger()


def clock() -> int:
    """Milliseconds since 1970, by this machine."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Bus:
    """A running bus: what the API takes, and what watching it needs."""

    api: Api
    store: SqliteStore
    committer: GroupCommitter
    deliverer: Deliverer
    stack: AsyncExitStack

    async def close(self) -> None:
        """Drain and stop, in the reverse order of the start."""
        await self.stack.aclose()


async def open_bus(settings: Settings) -> Bus:
    """Start everything of an embedded bus but its HTTP server.

    Raises:
        SettingsInvalid, AdapterSettingsInvalid: a file or table that can't be used.
        StorageInUse, StorageForeign: the data folder is another process's, or another bus's.
        MarksDamaged: the signer's file can't be read.
    """
    stack = AsyncExitStack()
    try:
        return await _open(settings, stack)
    except BaseException:
        await stack.aclose()
        raise


async def _open(settings: Settings, stack: AsyncExitStack) -> Bus:
    signer, certificate = load_bus_signer(settings.keys)
    epochs = load_epoch_keys(settings.keys)
    recorder = Recorder(signer, epochs)
    signers = LogSigners(
        load_log_signer(settings.keys, settings.bus, "0"),
        load_log_signer(settings.keys, settings.bus, "1"),
    )
    hosted = _hosted(settings)
    marks = Marks(settings.state / MARKS)
    stack.callback(marks.close)
    store = SqliteStore(settings.data)
    await store.open(settings.bus, settings.instance)
    stack.push_async_callback(store.close)
    logs = await open_logs(store, settings, signers, marks, recorder, certificate, clock)
    for writer in logs.writers.values():
        stack.push_async_callback(writer.close)
    adapters = await _adapters(settings, stack)
    return await _start(settings, stack, store, logs, recorder, epochs, hosted, adapters)


async def _start(
    settings: Settings,
    stack: AsyncExitStack,
    store: SqliteStore,
    logs: OpenedLogs,
    recorder: Recorder,
    epochs: EpochKeys,
    hosted: HostedKeys,
    adapters: dict[str, Adapter],
) -> Bus:
    opened = OpenedMessages(store.reads, epochs)
    bus = EmbeddedBus()
    await bus.start()
    stack.push_async_callback(bus.stop)
    relay = Relay(bus)
    waiting = Waiting(bus, store.reads)
    requests = Requests(store.reads, opened)
    hooks: list[Acceptance] = []

    def committed(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        hooks[0].committed(pairs)
        relay.committed(pairs)

    committer = GroupCommitter(
        logs.traffic,
        lambda: logs.directory.version,
        committed,
        entries_max=settings.limits.group_entries_max,
        group_bytes_max=settings.limits.group_bytes_max,
        waiting_bytes_max=settings.limits.queue_bytes_max,
    )
    refusals = _refusals(settings, committer, recorder, epochs, logs)
    validators = Validators(settings.limits.validators_max)
    acceptance = Acceptance(
        Workshop(
            committer=committer,
            directory=logs.directory,
            requests=requests,
            opened=opened,
            reads=store.reads,
            refusals=refusals,
            validators=validators,
            epochs=epochs,
            terms=_terms(settings),
            clock=clock,
        )
    )
    hooks.append(acceptance)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    deliverer = Deliverer(
        Tools(
            acceptance=acceptance,
            committer=committer,
            directory=logs.directory,
            adapters=adapters,
            hosted=hosted,
            recorder=recorder,
            validators=validators,
            store=store,
            clock=clock,
            owner=owner,
            times=_delivery_times(settings),
        )
    )
    sweeper = Sweeper(
        store,
        opened,
        deliverer,
        committer,
        recorder,
        logs.directory,
        waiting,
        clock,
        owner,
        _sweep_times(settings),
    )
    anchoring = Anchoring(logs.directory_log, logs.traffic, refusals, settings.limits.heads_every_s)
    if logs.traffic.failed is None:
        stack.push_async_callback(anchoring.stop)
    committer.start()
    stack.push_async_callback(committer.stop)
    stack.push_async_callback(relay.stop)
    relay.start()
    await waiting.start()
    stack.push_async_callback(waiting.stop)
    if logs.traffic.failed is None:
        await deliverer.start(bus)
        stack.push_async_callback(deliverer.stop, settings.delivery.drain_s)
        await store.reclaim(clock())
        sweeper.start()
        stack.push_async_callback(sweeper.stop)
        anchoring.start()
    else:
        log.error("bus.frozen", reason=logs.traffic.failed.detail)
    mailbox = Mailbox(
        store,
        opened,
        committer,
        recorder,
        logs.directory,
        waiting,
        clock,
        _lease_key(epochs),
        settings.delivery.leases_max,
    )
    api = Api(
        bus=settings.bus,
        instance=settings.instance,
        public_url=settings.public_url,
        limits=_api_limits(settings),
        acceptance=acceptance,
        directory=logs.directory,
        directory_log=logs.directory_log,
        reads=store.reads,
        opened=opened,
        receipts=Receipts(logs.writers),
        writers=logs.writers,
        waiting=waiting,
        mailbox=mailbox,
        founder=load_founder(settings.keys) if settings.policy.founder else None,
        clock=clock,
        why_not_ready=lambda: logs.traffic.failed.detail if logs.traffic.failed else None,
    )
    return Bus(api, store, committer, deliverer, stack)


def _hosted(settings: Settings) -> HostedKeys:
    signers: dict[SystemId, Signer] = {}
    for system, files in settings.hosted.items():
        signers[SystemId(system)] = load_signer(files.key, files.certificate)[0]
    return HostedKeys(signers)


async def _adapters(settings: Settings, stack: AsyncExitStack) -> dict[str, Adapter]:
    if not settings.adapters:
        return {}
    egress = Egress(settings.egress.hosts, ca_file=settings.egress.ca_file)
    stack.push_async_callback(egress.close)
    adapters: dict[str, Adapter] = {}
    for name, table in settings.adapters.items():
        kind = table.get("kind")
        if not isinstance(kind, str):
            raise AdapterSettingsInvalid(f"[adapters.{name}] needs a kind, like sql or rest.")
        adapter = load(kind).from_settings(name, table, egress, folder=settings.folder)
        await adapter.start()
        stack.push_async_callback(adapter.close)
        adapters[name] = adapter
    return adapters


def _refusals(
    settings: Settings,
    committer: GroupCommitter,
    recorder: Recorder,
    epochs: EpochKeys,
    logs: OpenedLogs,
) -> Refusals:
    async def write_counted(counted: CountedRefusals) -> None:
        after = {
            "code": counted.code,
            "count": counted.count,
            "root": b64_encode(counted.root),
        }
        act = Act("refusal", "refusals-counted", "system", counted.sender, after)
        entry = recorder.traffic_entry(act, clock(), Parties(counted.sender))
        await committer.submit(entry, logs.directory.version)

    return Refusals(committer, epochs, write_counted, settings.limits.refusals_logged_per_s)


def _terms(settings: Settings) -> Terms:
    limits = settings.limits
    return Terms(
        bus=settings.bus,
        part_bytes_max=limits.part_bytes_max,
        id_age_ms_max=limits.id_age_s_max * 1000,
        id_ahead_ms_max=limits.id_ahead_s_max * 1000,
        times_apart_ms_max=limits.times_apart_s_max * 1000,
        mailbox_max=limits.mailbox_max,
        grace_ms=int(settings.delivery.fast_path_grace_s * 1000),
    )


def _delivery_times(settings: Settings) -> DeliveryTimes:
    delivery = settings.delivery
    return DeliveryTimes(
        hold_s=delivery.hold_s,
        claim_ms=int(delivery.claim_s * 1000),
        retry_first_ms=int(delivery.retry_first_s * 1000),
        retry_max_ms=int(delivery.retry_max_s * 1000),
        misbehaved_max=delivery.misbehaved_max,
        concurrency=delivery.concurrency,
    )


def _sweep_times(settings: Settings) -> SweepTimes:
    delivery = settings.delivery
    return SweepTimes(
        every_s=delivery.sweep_every_s,
        rows_max=delivery.sweep_rows_max,
        claim_ms=int(delivery.claim_s * 1000),
        expire_grace_ms=int(delivery.expire_grace_s * 1000),
    )


def _api_limits(settings: Settings) -> ApiLimits:
    limits = settings.limits
    return ApiLimits(
        body_bytes_max=limits.body_bytes_max,
        envelope_bytes_max=limits.envelope_bytes_max,
        part_bytes_max=limits.part_bytes_max,
        body_s_max=limits.body_s_max,
        wait_s_max=limits.wait_s_max,
        mailbox_wait_s_max=limits.mailbox_wait_s_max,
        deliveries_max=limits.deliveries_max,
        lease_s=limits.lease_s,
        lease_s_max=limits.lease_s_max,
        long_polls_per_system=limits.long_polls_per_system,
        changes_max=limits.changes_max,
    )


def _lease_key(epochs: EpochKeys) -> bytes:
    """The key of lease tokens: derived, so that tokens outlive a restart."""
    return hmac.digest(epochs.keys[epochs.current], b"sealway/lease-key/v1", "sha256")

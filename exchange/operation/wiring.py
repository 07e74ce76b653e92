"""Wiring: the one place where everything is made and tied together, and taken apart again.

Each step pushes its own end on the stack, so that closing is the start in reverse: sweeps and
deliveries first, then the committer, the last anchor, the logs, the store.
"""

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
from exchange.acceptance.record import Act, Parties, Recorder
from exchange.acceptance.refusals import CountedRefusals, Refusals
from exchange.acceptance.requests import Requests
from exchange.acceptance.stored import OpenedMessages
from exchange.api.context import Api
from exchange.bus.embedded import EmbeddedBus
from exchange.delivery.answers import HostedKeys
from exchange.delivery.asking import Asking
from exchange.delivery.attempts import Desk
from exchange.delivery.deliverer import Deliverer, Tools
from exchange.delivery.mailbox import Mailbox
from exchange.delivery.parking import Parking
from exchange.delivery.relay import Relay
from exchange.delivery.sweeper import Sweeper
from exchange.delivery.waiting import Waiting
from exchange.ledger.entries import Outcome
from exchange.ledger.group_commit import GroupCommitter, OnCommitted, Submission
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
from exchange.operation.numbers import api_limits, delivery_times, sweep_times, terms
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

    A bus whose database is behind what it signed starts frozen: it reads and accepts nothing.

    Raises:
        SettingsInvalid, AdapterSettingsInvalid: a file or table that can't be used.
        StorageInUse, StorageForeign: the data folder is another process's, or another bus's.
        MarksDamaged: the signer's file can't be read.
    """
    stack = AsyncExitStack()
    try:
        ground = await _lay_ground(settings, stack)
        adapters = await _start_adapters(settings, stack)
        return await _start(_Site(settings, stack, ground, adapters))
    except BaseException:
        await stack.aclose()
        raise


@dataclass(frozen=True, slots=True)
class _Ground:
    """Keys, store and logs: what a bus stands on."""

    store: SqliteStore
    logs: OpenedLogs
    recorder: Recorder
    epochs: EpochKeys
    hosted: HostedKeys
    opened: OpenedMessages


@dataclass(frozen=True, slots=True)
class _Site:
    """Everything the parts are made from."""

    settings: Settings
    stack: AsyncExitStack
    ground: _Ground
    adapters: dict[str, Adapter]

    @property
    def is_frozen(self) -> bool:
        """Whether nothing may be written."""
        return self.ground.logs.traffic.failed is not None


async def _lay_ground(settings: Settings, stack: AsyncExitStack) -> _Ground:
    signer, certificate = load_bus_signer(settings.keys)
    epochs = load_epoch_keys(settings.keys)
    recorder = Recorder(signer, epochs)
    signers = LogSigners(
        load_log_signer(settings.keys, settings.bus, "0"),
        load_log_signer(settings.keys, settings.bus, "1"),
    )
    hosted = _load_hosted(settings)
    marks = Marks(settings.state / MARKS)
    stack.callback(marks.close)
    store = SqliteStore(settings.data)
    await store.open(settings.bus, settings.instance)
    stack.push_async_callback(store.close)
    logs = await open_logs(store, settings, signers, marks, recorder, certificate, clock)
    for writer in logs.writers.values():
        stack.push_async_callback(writer.close)
    opened = OpenedMessages(store.reads, epochs)
    return _Ground(store, logs, recorder, epochs, hosted, opened)


def _load_hosted(settings: Settings) -> HostedKeys:
    signers: dict[SystemId, Signer] = {}
    for system, files in settings.hosted.items():
        signers[SystemId(system)] = load_signer(files.key, files.certificate)[0]
    return HostedKeys(signers)


async def _start_adapters(settings: Settings, stack: AsyncExitStack) -> dict[str, Adapter]:
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


async def _start(site: _Site) -> Bus:
    stack, ground = site.stack, site.ground
    bus = EmbeddedBus()
    await bus.start()
    stack.push_async_callback(bus.stop)
    relay = Relay(bus, ground.store.reads, ground.opened, lambda shard, end: None, clock)
    waiting = Waiting(bus, ground.store.reads)
    hooks: list[Acceptance] = []

    def committed(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        hooks[0].committed(pairs)
        relay.committed(pairs)

    committer = _make_committer(site, committed)
    refusals = _make_refusals(site, committer)
    validators = Validators(site.settings.limits.validators_max)
    requests = Requests(ground.store.reads, ground.opened)
    acceptance = _make_acceptance(site, committer, refusals, validators, requests, relay)
    hooks.append(acceptance)
    if not site.is_frozen:
        _start_anchoring(site, refusals)
    committer.start()
    stack.push_async_callback(committer.stop)
    if not site.is_frozen:
        stack.push_async_callback(refusals.flush)
    relay.start()
    stack.push_async_callback(relay.stop)
    await waiting.start()
    stack.push_async_callback(waiting.stop)
    deliverer = _make_deliverer(site, acceptance, committer, validators, requests)
    if not site.is_frozen:
        await _start_delivering(site, bus, deliverer, committer, requests)
    api = _make_api(site, acceptance, committer, waiting)
    return Bus(api, ground.store, committer, deliverer, stack)


def _make_committer(site: _Site, committed: OnCommitted) -> GroupCommitter:
    limits, logs = site.settings.limits, site.ground.logs
    return GroupCommitter(
        logs.traffic,
        lambda: logs.directory.version,
        committed,
        entries_max=limits.group_entries_max,
        group_bytes_max=limits.group_bytes_max,
        waiting_bytes_max=limits.queue_bytes_max,
    )


def _make_refusals(site: _Site, committer: GroupCommitter) -> Refusals:
    ground = site.ground

    async def write_counted(counted: CountedRefusals) -> None:
        after = {"code": counted.code, "count": counted.count, "root": b64_encode(counted.root)}
        act = Act("refusal", "refusals-counted", "system", counted.sender, after)
        entry = ground.recorder.traffic_entry(act, clock(), Parties(counted.sender))
        await committer.submit(entry, ground.logs.directory.version)

    per_s_max = site.settings.limits.refusals_logged_per_s
    return Refusals(committer, ground.epochs, write_counted, per_s_max)


def _make_acceptance(
    site: _Site,
    committer: GroupCommitter,
    refusals: Refusals,
    validators: Validators,
    requests: Requests,
    relay: Relay,
) -> Acceptance:
    ground = site.ground
    grace_ms = int(site.settings.delivery.fast_path_grace_s * 1000)
    return Acceptance(
        Workshop(
            committer=committer,
            directory=ground.logs.directory,
            requests=requests,
            opened=ground.opened,
            reads=ground.store.reads,
            refusals=refusals,
            validators=validators,
            epochs=ground.epochs,
            terms=terms(site.settings),
            clock=clock,
            grace_ms=lambda: 0 if relay.is_away else grace_ms,
            check_room=relay.check_room,
        )
    )


def _start_anchoring(site: _Site, refusals: Refusals) -> None:
    logs = site.ground.logs
    every_s = site.settings.limits.heads_every_s
    anchoring = Anchoring(logs.directory_log, logs.traffic, refusals, every_s)
    anchoring.start()
    site.stack.push_async_callback(anchoring.stop)


def _make_deliverer(
    site: _Site,
    acceptance: Acceptance,
    committer: GroupCommitter,
    validators: Validators,
    requests: Requests,
) -> Deliverer:
    ground = site.ground
    directory = ground.logs.directory
    asking = Asking(acceptance, directory, site.adapters, ground.hosted, validators, clock)
    desk = Desk(
        asking=asking,
        committer=committer,
        directory=directory,
        requests=requests,
        recorder=ground.recorder,
        store=ground.store,
        parking=Parking(ground.store),
        clock=clock,
        owner=_owner(),
        times=delivery_times(site.settings),
    )
    return Deliverer(Tools(desk, ground.opened))


async def _start_delivering(
    site: _Site,
    bus: EmbeddedBus,
    deliverer: Deliverer,
    committer: GroupCommitter,
    requests: Requests,
) -> None:
    ground, settings = site.ground, site.settings
    await deliverer.start(bus)
    site.stack.push_async_callback(deliverer.stop, settings.delivery.drain_s)
    await ground.store.reclaim(clock())
    sweeper = Sweeper(
        ground.store,
        ground.opened,
        deliverer,
        committer,
        ground.recorder,
        ground.logs.directory,
        requests,
        clock,
        _owner(),
        sweep_times(settings),
    )
    sweeper.start()
    site.stack.push_async_callback(sweeper.stop)


def _make_api(
    site: _Site, acceptance: Acceptance, committer: GroupCommitter, waiting: Waiting
) -> Api:
    settings, ground = site.settings, site.ground
    logs = ground.logs
    mailbox = Mailbox(
        ground.store,
        ground.opened,
        committer,
        ground.recorder,
        logs.directory,
        waiting,
        clock,
        _lease_key(ground.epochs),
        settings.delivery.leases_max,
    )
    return Api(
        bus=settings.bus,
        instance=settings.instance,
        public_url=settings.public_url,
        limits=api_limits(settings),
        acceptance=acceptance,
        directory=logs.directory,
        directory_log=logs.directory_log,
        reads=ground.store.reads,
        opened=ground.opened,
        receipts=Receipts(logs.writers),
        writers=logs.writers,
        waiting=waiting,
        mailbox=mailbox,
        founder=load_founder(settings.keys) if settings.policy.founder else None,
        clock=clock,
        why_not_ready=lambda: logs.traffic.failed.detail if logs.traffic.failed else None,
    )


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _lease_key(epochs: EpochKeys) -> bytes:
    """The key of lease tokens: derived, so that tokens outlive a restart."""
    return hmac.digest(epochs.keys[epochs.current], b"sealway/lease-key/v1", "sha256")

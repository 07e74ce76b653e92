"""Wiring: the one place where everything is made and tied together, and taken apart again.

The same parts for every role and engine; what differs is which of them start. Each step pushes
its own end on the stack, so that closing is the start in reverse: sweeps and deliveries first,
then the committer, the last anchor, the logs, the store.
"""

import hmac
import time
from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import structlog

from adapters.plugins import load
from exchange.acceptance.accept import Acceptance, Workshop
from exchange.acceptance.accesses import Accesses
from exchange.acceptance.record import Act, Parties
from exchange.acceptance.refusals import CountedRefusals, Refusals
from exchange.acceptance.requests import Requests
from exchange.acceptance.sandbox import EXAMPLES, Sandbox
from exchange.api.context import Api
from exchange.bus.embedded import EmbeddedBus
from exchange.bus.kafka.brokers import KafkaLimits
from exchange.bus.kafka.bus import KafkaBus
from exchange.bus.port import BusError, MessageBus
from exchange.delivery.announcements import directory_signal
from exchange.delivery.attempts import Desk
from exchange.delivery.dead_letters import DeadLetters
from exchange.delivery.deliverer import Deliverer, Tools
from exchange.delivery.examples import ExampleAnswers
from exchange.delivery.mailbox import Mailbox
from exchange.delivery.parking import Parking
from exchange.delivery.payloads import MessageCodec
from exchange.delivery.relay import Relay
from exchange.delivery.sweeper import Sweeper
from exchange.delivery.waiting import Waiting
from exchange.ledger.entries import Outcome
from exchange.ledger.errors import LedgerError
from exchange.ledger.group_commit import GroupCommitter, Submission
from exchange.ledger.log_writer import LogWriter
from exchange.ledger.logs import Logs
from exchange.ledger.receipts import Receipts
from exchange.operation.anchor_rules import make_witnessing
from exchange.operation.anchoring import Anchoring
from exchange.operation.engines import brokers
from exchange.operation.exporting import heads_of, make_accessed, make_exporter
from exchange.operation.founder import load_founder
from exchange.operation.ground import Ground, lay_ground
from exchange.operation.held import Held, Readiness
from exchange.operation.numbers import (
    api_limits,
    delivery_times,
    poll_s,
    relay_limits,
    sweep_times,
    terms,
)
from exchange.operation.outward import Outward, start_outward
from exchange.operation.roles import BOTH, Role
from exchange.operation.rounds import (
    CHECKPOINTS_S,
    DAYS_S,
    DIRECTORY_S,
    Checkpoints,
    Days,
    DirectoryWatch,
    Retention,
    Rounds,
)
from exchange.operation.settings import Settings
from exchange.operation.standing import standing
from exchange.operation.watching import Watched
from exchange.storage.port import LeasedStore
from exchange.storage.postgres.store import PostgresStore
from exchange.witnessing.receipts import AnchoredReceipts
from exchange.witnessing.witnessing import ROUND_S, Witnessing
from schemas.catalogue import Validators
from signing.at_rest import EpochKeys
from signing.encoding import b64_encode

log = structlog.get_logger()


def clock() -> int:
    """Milliseconds since 1970, by this machine."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Bus:
    """A running process of a bus: what the API takes, and what watching it needs."""

    api: Api
    store: LeasedStore
    committer: GroupCommitter
    deliverer: Deliverer | None
    writers: Callable[[], list[LogWriter]]
    """The logs that this process writes."""
    watched: Watched
    stack: AsyncExitStack

    async def close(self) -> None:
        """Drain and stop, in the reverse order of the start."""
        await self.stack.aclose()


async def open_bus(settings: Settings, roles: frozenset[Role] = BOTH) -> Bus:
    """Start everything that these roles need but the HTTP server.

    A bus whose database is behind what it signed starts frozen: it reads and accepts nothing.

    Raises:
        SettingsInvalid, AdapterSettingsInvalid: a file or table that can't be used.
        StorageInUse, StorageForeign: the database is another process's, or another bus's.
        StorageUnavailable: it can't be reached.
        MarksDamaged: the signer's file can't be read.
    """
    stack = AsyncExitStack()
    try:
        ground = await lay_ground(settings, stack, clock)
        delivers = Role.DELIVER in roles
        outward = await start_outward(settings, stack, load) if delivers else Outward()
        parts = _make_parts(ground, roles)
        await _start(ground, parts)
        deliverer = _make_deliverer(ground, parts, outward) if delivers else None
        sweeper = None
        if deliverer is not None and not parts.is_frozen:
            sweeper = await _start_delivering(ground, parts, deliverer)
        api = _make_api(ground, parts)
        return Bus(
            api,
            ground.store,
            parts.committer,
            deliverer,
            parts.held.and_directory,
            _watched(ground, parts, api, deliverer, sweeper),
            stack,
        )
    except BaseException:
        await stack.aclose()
        raise


@dataclass(frozen=True, slots=True)
class _Parts:
    """What every process has, whatever its roles."""

    roles: frozenset[Role]
    bus: MessageBus
    held: Held
    logs: Logs
    receipts: Receipts
    relay: Relay
    waiting: Waiting
    committer: GroupCommitter
    refusals: Refusals
    requests: Requests
    acceptance: Acceptance
    validators: Validators
    readiness: Readiness
    witnessing: Witnessing

    @property
    def is_frozen(self) -> bool:
        """Whether nothing may be written."""
        return self.logs.directory.failed is not None


def _make_parts(ground: Ground, roles: frozenset[Role]) -> _Parts:
    settings, reads = ground.settings, ground.store.reads
    late = _Late()
    held = Held(ground, late.taken)
    logs = Logs(ground.directory_log.writer, held.log, ground.place.view)
    receipts = Receipts(logs)
    bus = _make_bus(ground, receipts, late)
    relay = late.relay = Relay(
        bus,
        reads,
        ground.opened,
        logs.relayed,
        ground.clock,
        relay_limits(settings),
        ground.store,
    )
    waiting = late.waiting = ground.makers.waiting(
        bus, reads, poll_s(settings), lambda version: late.look_again(version)
    )
    committer = _make_committer(ground, held, late)
    refusals = _make_refusals(ground, committer)
    validators = Validators(settings.limits.validators_max)
    witnessing = make_witnessing(ground, roles)
    requests = Requests(reads, ground.opened)
    acceptance = late.acceptance = ground.makers.acceptance(
        Workshop(
            committer=committer,
            directory=ground.directory,
            requests=requests,
            opened=ground.opened,
            reads=reads,
            refusals=refusals,
            validators=validators,
            epochs=ground.epochs,
            terms=terms(settings),
            clock=ground.clock,
            check_room=relay.check_room,
            check_anchored=witnessing.lateness.check,
            grace_ms=_grace(settings, roles, relay),
        )
    )
    watch = late.watch = DirectoryWatch(ground.directory)
    readiness = Readiness(held, watch)
    return _Parts(
        roles,
        bus,
        held,
        logs,
        receipts,
        relay,
        waiting,
        committer,
        refusals,
        requests,
        acceptance,
        validators,
        readiness,
        witnessing,
    )


class _Late:
    """Parts that others call and that are made after them."""

    relay: Relay
    waiting: Waiting
    acceptance: Acceptance
    watch: DirectoryWatch

    def committed(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        """What follows a group's commit, in this order."""
        self.acceptance.committed(pairs)
        self.relay.committed(pairs)

    def taken(self, writer: LogWriter) -> Future[None]:
        """A log is held from now on: what its last holder didn't relay is ours to."""
        return self.relay.catch_up(writer)

    def look_again(self, version: int) -> None:
        """Somebody says that the directory has reached a version."""
        self.watch.notice(version)


def _make_bus(ground: Ground, receipts: Receipts, late: _Late) -> MessageBus:
    settings = ground.settings
    if settings.kafka is None:
        return EmbeddedBus()
    codec = MessageCodec(receipts, lambda id_: late.waiting.awaits(id_))
    limits = KafkaLimits(session_s=settings.kafka.session_s)
    return KafkaBus(brokers(settings), ground.epochs, codec, source=settings.bus, limits=limits)


def _grace(settings: Settings, roles: frozenset[Role], relay: Relay) -> Callable[[], int]:
    """How long a sweep leaves a new delivery to the bus: not at all where no bus carries it."""
    grace_ms = int(settings.delivery.fast_path_grace_s * 1000)
    if settings.bus_kind == "database" and Role.DELIVER not in roles:
        return lambda: 0
    return lambda: 0 if relay.is_away else grace_ms


def _make_committer(ground: Ground, held: Held, late: _Late) -> GroupCommitter:
    limits = ground.settings.limits
    return GroupCommitter(
        held.log,
        lambda: ground.directory.version,
        late.committed,
        refresh=ground.directory.refresh,
        entries_max=limits.group_entries_max,
        group_bytes_max=limits.group_bytes_max,
        waiting_bytes_max=limits.queue_bytes_max,
    )


def _make_refusals(ground: Ground, committer: GroupCommitter) -> Refusals:
    async def write_counted(counted: CountedRefusals) -> None:
        after = {"code": counted.code, "count": counted.count, "root": b64_encode(counted.root)}
        act = Act("refusal", "refusals-counted", "system", counted.sender, after)
        entry = ground.recorder.traffic_entry(act, ground.clock(), Parties(counted.sender))
        await committer.submit(entry, ground.directory.version)

    per_s_max = ground.settings.limits.refusals_logged_per_s
    return Refusals(committer, ground.epochs, write_counted, per_s_max)


async def _start(ground: Ground, parts: _Parts) -> None:
    """Start what every role needs, in the order in which one needs another."""
    stack = ground.stack
    await parts.bus.start()
    stack.push_async_callback(parts.bus.stop)
    if not parts.is_frozen:
        await parts.held.start()
    stack.push_async_callback(parts.held.stop)
    if not parts.is_frozen:
        _start_anchoring(ground, parts)
    parts.committer.start()
    stack.push_async_callback(parts.committer.stop)
    if not parts.is_frozen:
        stack.push_async_callback(parts.refusals.flush)
    parts.relay.start()
    stack.push_async_callback(parts.relay.stop)
    if Role.GATEWAY in parts.roles:
        await parts.waiting.start()
        stack.push_async_callback(parts.waiting.stop)
    ground.directory_log.on_changed = _announcer(parts.bus)
    if not parts.is_frozen:
        await parts.witnessing.begin()
    rounds = _make_rounds(ground, parts)
    rounds.start()
    stack.push_async_callback(rounds.stop)


def _announcer(bus: MessageBus) -> Callable[[int], Awaitable[None]]:
    """Tells other processes that the directory has changed; they would find out in a second."""

    async def announce(version: int) -> None:
        with suppress(BusError):
            await bus.publish([directory_signal(version)])

    return announce


def _start_anchoring(ground: Ground, parts: _Parts) -> None:
    def on_behind(reason: LedgerError) -> None:
        parts.held.freeze(reason)

    every_s = ground.settings.limits.heads_every_s
    heads = heads_of(ground.store, parts.held)
    anchoring = Anchoring(ground.directory_log, heads, parts.refusals, every_s, on_behind)
    anchoring.start()
    ground.stack.push_async_callback(anchoring.stop)


def _make_rounds(ground: Ground, parts: _Parts) -> Rounds:
    rounds = Rounds()
    store = ground.store
    if isinstance(store, PostgresStore):
        rounds.add("directory", DIRECTORY_S, parts.readiness.watch.look)
        parts.readiness.days = days = Days(store, ground.clock)
        rounds.add("days", DAYS_S, days.look)
    kept = ground.settings.retention.messages_days
    if kept is not None and Role.DELIVER in parts.roles and not parts.is_frozen:
        rounds.add("retention", DAYS_S, Retention(store, ground.clock, kept).look)
    if parts.witnessing.rules.needs_anything and not parts.is_frozen:
        rounds.add("anchors", ROUND_S, parts.witnessing.look)
    if ground.settings.kafka is not None:
        checkpoints = Checkpoints(ground.place.board, lambda: parts.held.and_directory())
        rounds.add("checkpoints", CHECKPOINTS_S, checkpoints.tell)
    return rounds


def _make_deliverer(ground: Ground, parts: _Parts, outward: Outward) -> Deliverer:
    if ground.settings.sandbox is not None:
        outward.adapters[EXAMPLES] = ExampleAnswers(ground.directory)
    asking = ground.makers.asking(
        parts.acceptance,
        ground.directory,
        outward.adapters,
        ground.hosted,
        parts.validators,
        ground.clock,
        ground.makers.pushing(parts.acceptance, parts.receipts, outward.egress, outward.endpoints),
    )
    desk = Desk(
        asking=asking,
        committer=parts.committer,
        directory=ground.directory,
        requests=parts.requests,
        recorder=ground.recorder,
        store=ground.store,
        parking=Parking(ground.store),
        clock=ground.clock,
        owner=ground.owner,
        times=delivery_times(ground.settings),
    )
    return Deliverer(Tools(desk, ground.opened))


async def _start_delivering(ground: Ground, parts: _Parts, deliverer: Deliverer) -> Sweeper:
    settings = ground.settings
    await deliverer.start(parts.bus)
    ground.stack.push_async_callback(deliverer.stop, settings.delivery.drain_s)
    if not ground.place.is_shared:
        await ground.store.reclaim(ground.clock())
    sweeper = Sweeper(
        ground.store,
        ground.opened,
        deliverer,
        parts.committer,
        ground.recorder,
        ground.directory,
        parts.requests,
        ground.clock,
        ground.owner,
        sweep_times(settings),
    )
    sweeper.start()
    ground.stack.push_async_callback(sweeper.stop)
    return sweeper


def _watched(
    ground: Ground, parts: _Parts, api: Api, deliverer: Deliverer | None, sweeper: Sweeper | None
) -> Watched:
    return Watched(
        api=api,
        acceptance=parts.acceptance,
        committer=parts.committer,
        relay=parts.relay,
        deliverer=deliverer,
        sweeper=sweeper,
        writers=parts.held.and_directory,
        directory_watch=parts.readiness.watch,
        store=ground.store,
        is_shared=ground.place.is_shared,
        bus_until_ms=ground.place.certificate.not_after_ms,
        hosted=ground.hosted.certificates if deliverer is not None else {},
        clock=ground.clock,
    )


def _make_api(ground: Ground, parts: _Parts) -> Api:
    settings = ground.settings
    mailbox = Mailbox(
        ground.store,
        ground.opened,
        parts.committer,
        ground.recorder,
        ground.directory,
        parts.waiting,
        ground.clock,
        _lease_key(ground.epochs),
        settings.delivery.leases_max,
    )
    accesses = Accesses(ground.directory_log, ground.recorder)
    return Api(
        sandbox=_make_sandbox(ground),
        bus=settings.bus,
        instance=settings.instance,
        public_url=settings.public_url,
        limits=api_limits(settings),
        acceptance=parts.acceptance,
        directory=ground.directory,
        directory_log=ground.directory_log,
        reads=ground.store.reads,
        opened=ground.opened,
        receipts=parts.receipts,
        logs=parts.logs,
        tell_logs=ground.place.tell_logs,
        waiting=parts.waiting,
        mailbox=mailbox,
        dead_letters=DeadLetters(
            ground.opened, parts.committer, ground.recorder, ground.directory, ground.clock
        ),
        people=ground.store.people,
        accesses=accesses,
        accessed=make_accessed(ground),
        exports=make_exporter(ground, parts.held, parts.logs, accesses),
        founder=load_founder(settings.keys) if settings.founder_counts else None,
        clock=ground.clock,
        witnessing=parts.witnessing,
        anchored=AnchoredReceipts(parts.witnessing.rules, parts.logs, ground.store.reads),
        why_not_writable=parts.readiness.why_not,
        why_not_ready=lambda: parts.readiness.why_not() or parts.witnessing.lateness.why_stopped(),
        standing=lambda: standing(settings, parts.relay, parts.witnessing),
    )


def _make_sandbox(ground: Ground) -> Sandbox | None:
    """The door that only a sandbox has."""
    settings, keys = ground.settings.sandbox, ground.sandbox_keys
    if settings is None or keys is None:
        return None
    return Sandbox(
        ground.directory_log,
        ground.directory,
        keys.mint,
        ground.clock,
        members_max=settings.members_max,
        joins_per_minute_max=settings.joins_per_minute_max,
    )


def _lease_key(epochs: EpochKeys) -> bytes:
    """The key of lease tokens: derived, so that tokens outlive a restart."""
    return hmac.digest(epochs.keys[epochs.current], b"sealway/lease-key/v1", "sha256")

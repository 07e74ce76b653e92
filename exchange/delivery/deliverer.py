"""The deliverer: takes requests from the bus or from a sweep, and sees to an attempt of each.

A record from the bus is held 2 s at most: it ends, or its delivery is parked in its row and goes
on under a lease. What isn't in the record is read from its row.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from exchange.acceptance.stored import OpenedMessage, OpenedMessages
from exchange.bus.port import Carried, Dispatch, MessageBus, Subscription, Topic
from exchange.delivery.attempts import Attempts, DeliveryFigures, DeliveryTimes, Desk
from exchange.delivery.breakers import Breakers
from exchange.delivery.hands import Hand
from exchange.delivery.jobs import Job, job_of_row
from exchange.storage.rows import StoredDelivery
from signing.at_rest import StoredInvalid
from signing.errors import SealwayError
from signing.identifiers import message_id_bytes

log = structlog.get_logger()

SEEN_KEPT: Final = 20_000  # ids of records: a rebalance repeats what a busy minute carried; 4 MB

Load = Callable[[], Awaitable[Job | None]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a deliverer works with."""

    desk: Desk
    opened: OpenedMessages


class Deliverer:
    """Sees to it that every request in its hands is attempted once, and ends in its row."""

    def __init__(self, tools: Tools) -> None:
        self._desk = tools.desk
        self._opened = tools.opened
        self._times: DeliveryTimes = tools.desk.times
        self._attempts = Attempts(tools.desk)
        self._running: dict[bytes, asyncio.Task[None]] = {}
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._listening: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        """Deliveries in hand."""
        return len(self._running)

    @property
    def figures(self) -> DeliveryFigures:
        """How attempts went so far."""
        return self._attempts.figures

    @property
    def breakers(self) -> Breakers:
        """Which providers are left alone for a while."""
        return self._attempts.breakers

    @property
    def free(self) -> int:
        """How many more a sweep may bring."""
        return max(0, self._times.concurrency - len(self._running))

    async def start(self, bus: MessageBus) -> None:
        """Subscribe; before the relay starts."""
        subscription = await bus.subscribe(Topic.DELIVER, "deliver")
        self._listening = asyncio.create_task(self._listen(subscription), name="deliver")

    async def stop(self, drain_s: float) -> None:
        """Stop listening, wait for calls in flight, give the rest back for others to sweep."""
        if self._listening is not None:
            self._listening.cancel()
        running = list(self._running.values())
        if running:
            await asyncio.wait(running, timeout=drain_s)
        left = list(self._running.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        try:
            await self._desk.store.reclaim(self._desk.clock(), self._desk.owner)
        except SealwayError as error:
            log.warning("delivery.not_given_back", code=error.code)

    async def _listen(self, subscription: Subscription) -> None:
        async for batch in subscription:
            for carried in batch:
                if isinstance(carried.record.body, Dispatch):
                    self._take(carried.record.body, carried, subscription)
                else:
                    subscription.done(carried)

    def _take(self, dispatch: Dispatch, carried: Carried, subscription: Subscription) -> None:
        id_ = message_id_bytes(dispatch.message_id)
        is_repeat = self._is_repeat(id_)
        if id_ in self._running:
            subscription.done(carried)  # a repeat of what is in hand
            return
        is_old = self._desk.clock() - dispatch.accepted_at_ms > self._times.doubt_ms
        hand = Hand(
            self._times.hold_s,
            partial(subscription.done, carried),
            is_doubtful=is_repeat or is_old,
        )
        self._spawn(id_, hand, partial(self._load, id_, dispatch))

    def _is_repeat(self, id_: bytes) -> bool:
        if id_ in self._seen:
            self._seen.move_to_end(id_)
            return True
        self._seen[id_] = None
        if len(self._seen) > SEEN_KEPT:
            self._seen.popitem(last=False)
        return False

    async def _load(self, id_: bytes, dispatch: Dispatch) -> Job | None:
        if isinstance(dispatch.payload, Job):
            return dispatch.payload
        message = await self._open(id_)
        if message is None:
            return None
        return Job(message, 1, 0, interrupted=False, answer_by_ms=dispatch.answer_by_ms)

    def sweep(self, row: StoredDelivery) -> None:
        """Take a delivery that a sweep claimed."""
        if row.id in self._running:
            return  # what is in hand writes its row itself

        async def load() -> Job | None:
            message = await self._open(row.id)
            return None if message is None else job_of_row(row, message)

        self._spawn(row.id, Hand(self._times.hold_s, is_claimed=True), load)

    async def _open(self, id_: bytes) -> OpenedMessage | None:
        """The message; one that can't be opened is told to the operator and holds back none."""
        try:
            message = await self._opened.message(id_)
        except StoredInvalid as error:
            log.error("delivery.unreadable", message=id_.hex(), reason=error.detail)
            return None
        if message is None:
            log.error("delivery.without_message", message=id_.hex())
        return message

    def _spawn(self, id_: bytes, hand: Hand, load: Load) -> None:
        task = asyncio.create_task(self._hold(hand, load))
        self._running[id_] = task
        task.add_done_callback(lambda _: self._running.pop(id_, None))

    async def _hold(self, hand: Hand, load: Load) -> None:
        try:
            job = await load()
            if job is not None:
                await self._attempts.make(job, hand)
        except SealwayError as error:  # its row can't be read; it stays as it is
            log.warning("delivery.not_read", code=error.code)
        except BaseException:
            hand.drop()
            raise
        await hand.end()

"""Waiting: for the end of an exchange, or for something in a mailbox.

A waiter registers, reads the state once, then wakes on a signal, on the poll that looks for lost
signals, and at its end. One poll asks for all waiters of the process; without a broker it is what
wakes those whose answer another process took in.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import structlog

from exchange.acceptance.stored import OpenedMessage
from exchange.bus.port import MessageBus, Signal, SignalKind, Topic
from signing.errors import SealwayError
from signing.identifiers import MessageId, SystemId, message_id_bytes

log = structlog.get_logger()

POLL_S: Final = 1.0  # signals may be lost; a state is never older than this to a waiter
TOLD_POLL_S: Final = POLL_S / 2
"""Where signals come, for whoever has waited as long: their signal may have been lost.

An exchange that ended a moment ago has its signal on the way, with the answer; who is woken before
it has to read four rows.
"""
MAILBOX_POLL_S: Final = 0.25  # a look into a mailbox is a statement that writes
MAILBOX_LOOKS_PER_S: Final = 200  # of all waiters of a process together: a tenth of a core
ASKED_MAX: Final = 1_000  # exchanges in one query

Answer = OpenedMessage
_Waiter = asyncio.Future[Answer | None]


class EndedReads(Protocol):
    """What the poll reads. Raises StorageUnavailable."""

    async def ended(self, ids: Sequence[bytes]) -> list[bytes]:
        """Which of these exchanges aren't open."""


def _nothing(version: int) -> None:
    """For processes that don't follow the directory."""


class Waiting:
    """Who waits in this process, and the task that wakes them."""

    def __init__(
        self,
        bus: MessageBus,
        reads: EndedReads,
        poll_s: float = POLL_S,
        on_directory: Callable[[int], None] = _nothing,
    ) -> None:
        self._bus = bus
        self._reads = reads
        self._poll_s = poll_s
        self._is_told = poll_s >= POLL_S
        self._on_directory = on_directory
        self._exchanges: dict[MessageId, list[_Waiter]] = {}
        self._mailboxes: dict[SystemId, list[asyncio.Future[None]]] = defaultdict(list)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Subscribe and start polling; before the relay starts."""
        subscription = await self._bus.subscribe(Topic.SIGNAL, "waiting")

        async def listen() -> None:
            async for batch in subscription:
                for carried in batch:
                    body = carried.record.body
                    if isinstance(body, Signal):
                        self._wake(body)
                    subscription.done(carried)

        self._tasks = [
            asyncio.create_task(listen(), name="signals"),
            asyncio.create_task(self._poll(), name="wait-poll"),
        ]

    async def stop(self) -> None:
        """End both tasks and let every waiter go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.release()

    def release(self) -> None:
        """Let every waiter look once more and go: the process is about to stop."""
        for id_ in list(self._exchanges):
            self.wake_exchange(id_, None)
        for system in list(self._mailboxes):
            self.wake_mailbox(system)

    def _wake(self, signal: Signal) -> None:
        if signal.kind is SignalKind.ANSWERED and signal.message_id is not None:
            payload = signal.payload
            answer = payload if isinstance(payload, OpenedMessage) else None
            self.wake_exchange(signal.message_id, answer)
        elif signal.kind is SignalKind.MAILBOX and signal.recipient is not None:
            self.wake_mailbox(signal.recipient)
        elif signal.kind is SignalKind.DIRECTORY and signal.version is not None:
            self._on_directory(signal.version)

    def wake_exchange(self, id_: MessageId, answer: Answer | None) -> None:
        """Let everybody who waits for this exchange look again."""
        for waiter in self._exchanges.pop(id_, ()):
            if not waiter.done():
                waiter.set_result(answer)

    def wake_mailbox(self, system: SystemId) -> None:
        """Let everybody who waits for this mailbox look again."""
        for waiter in self._mailboxes.pop(system, ()):
            if not waiter.done():
                waiter.set_result(None)

    def register(self, id_: MessageId) -> _Waiter:
        """A waiter for an exchange's end; register before reading the state, `leave` after."""
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._exchanges.setdefault(id_, []).append(waiter)
        return waiter

    def awaits(self, id_: MessageId) -> bool:
        """Whether anybody here waits for this exchange's end."""
        return id_ in self._exchanges

    def leave(self, id_: MessageId, waiter: _Waiter) -> None:
        """Take a waiter out; harmless when it was woken."""
        waiters = self._exchanges.get(id_)
        if waiters and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._exchanges[id_]

    @property
    def mailbox_look_s(self) -> float:
        """After how long whoever waits for a mailbox looks into it, signal or not."""
        waiters = sum(map(len, self._mailboxes.values()))
        return min(POLL_S, max(self._poll_s, MAILBOX_POLL_S, waiters / MAILBOX_LOOKS_PER_S))

    async def mailbox(self, system: SystemId, wait_s: float) -> bool:
        """Wait until something may be in a system's mailbox; False when time ran out."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._mailboxes[system].append(waiter)
        try:
            async with asyncio.timeout(wait_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            if waiter in self._mailboxes.get(system, ()):
                self._mailboxes[system].remove(waiter)
        return True

    async def _poll(self) -> None:
        every_s = TOLD_POLL_S if self._is_told else self._poll_s
        before: set[MessageId] = set()
        while True:
            await asyncio.sleep(every_s)
            now = set(self._exchanges)
            asked, before = now & before if self._is_told else now, now
            try:
                await self._wake_ended(asked)
            except SealwayError as error:
                log.warning("waiting.poll_failed", code=error.code)
            except Exception as error:
                log.error("waiting.poll_failed", error=type(error).__name__)

    async def _wake_ended(self, exchanges: Iterable[MessageId]) -> None:
        asked = {message_id_bytes(id_): id_ for id_ in exchanges}
        ids = list(asked)
        for first in range(0, len(ids), ASKED_MAX):
            for ended in await self._reads.ended(ids[first : first + ASKED_MAX]):
                self.wake_exchange(asked[ended], None)

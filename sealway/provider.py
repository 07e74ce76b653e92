"""The provider: handlers that answer questions from a mailbox.

Owns the loop: lease, verify, call, sign, answer. A request that is not proven never reaches a
handler. The answer's acceptance ends the lease, so a provider may be killed at any moment: what
it had not answered comes back when its lease runs out, and the handler may see an id again only
after that. A lease is extended while its question is worked on, and given up when we stop before
it was begun. Logs events, never content.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final

import httpx

from sealway.answers import Receipt
from sealway.connection import Connection, SleepingClock, SystemClock
from sealway.conversation import Conversation
from sealway.credentials import SystemCredentials, identity_of
from sealway.errors import BusUnavailable, ProofFailed, Refused, SdkError
from sealway.exchange_rules import Delivered
from sealway.handling import HandlerFailed, frame_of, said_by
from sealway.keeping import LeaseKeeper
from sealway.profile import Profile, load_profile
from sealway.requests import Handler, Reject, Request
from sealway.serving import ANSWER_S, AnswerMemory, Leased, Serving
from sealway.steps import FIRST_PAUSE_S, PAUSE_S_MAX
from sealway.trust import Trust

log = logging.getLogger(__name__)

LEASE_S: Final = 60  # how long a killed provider's questions stay away
WORK_S: Final = 900  # how long a question may be worked on; one that hangs is held no longer
WAIT_S: Final = 20  # how long the bus holds an empty lease call open
BATCH: Final = 8  # what one loop holds at once; others have the rest
STOPPING: Final = "provider-stopping"  # the reason that timelines show
OUT_OF_TIME: Final = "token-invalid"  # what a gateway whose clock is off says of our tokens
OUT_OF_TIME_MAX: Final = 6  # such replies in a row, before the first lease, until it is our fault
IDLE_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

__all__ = ["Provider", "Reject", "Request"]


class _Stopped(BaseException):
    """Breaks an idle wait when a signal asks to end; never leaves this module."""


class Provider:
    """A provider system's side of a mailbox."""

    def __init__(
        self,
        profile: Profile,
        *,
        lease_s: int = LEASE_S,
        wait_s: int = WAIT_S,
        work_s: float = WORK_S,
        clock: SleepingClock | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        identity = identity_of(profile)
        self.system = identity.system
        self._talk = talk = Conversation(identity, Trust.of(profile), self._clock)
        self._serving = Serving(talk, lease_s, wait_s, BATCH)
        self._memory = AnswerMemory()
        self._handlers: dict[str, Handler] = {}
        self._stopping = threading.Event()
        self._idle = False

        def connect() -> Connection:
            credentials = SystemCredentials(identity, self._clock)
            return Connection(profile.url, credentials, clock=clock, transport=transport)

        self._connection = connect()
        self._keeper = LeaseKeeper(self._serving, connect, lease_s, work_s)

    @classmethod
    def from_profile(
        cls, name: str | None = None, *, lease_s: int = LEASE_S, work_s: float = WORK_S
    ) -> Provider:
        """A provider for the profile `name`, or for the one in force.

        `lease_s` is how long a question stays away after the process was killed; while it is
        worked on, its lease is extended, up to `work_s` after it was taken.

        Raises:
            ProfileInvalid: there is none, or it is no system's, or its files can't be used.
        """
        return cls(load_profile(name), lease_s=lease_s, work_s=work_s)

    def service(self, code: str) -> Callable[[Handler], Handler]:
        """Register a handler for a service.

        It gets a `Request` and returns a dict or list (sent as JSON), bytes (sent as they are, as
        application/json), anything with `body` and `type`, a `Response` (with attachments or a
        context), or a `Reject`. When it raises, the
        question comes back after its lease; after several times a person has to look.
        """

        def register(handler: Handler) -> Handler:
            assert code not in self._handlers, f"{code} has a handler already"
            self._handlers[code] = handler
            return handler

        return register

    def run(self, until: Callable[[], bool] | None = None) -> None:
        """Serve until `stop()`, SIGTERM, SIGINT, or until `until()` is true between two leases.

        A question being answered when a signal comes is answered first; a second signal ends
        that too, as KeyboardInterrupt. Signals are only caught
        when this runs in the main thread. While the bus is away, it waits and tries again; so it
        does when a gateway's clock is off and calls our tokens out of time.

        Raises:
            Refused: the bus will not have us at all (unknown key, suspended system; or no token
                of ours was ever taken).
            ProofFailed: the bus cannot prove its own keys.
        """
        assert self._handlers, "register a handler with @provider.service(code) first"
        with self._signals():
            pause_s, out_of_time = FIRST_PAUSE_S, 0
            while not self._stopping.is_set() and not (until is not None and until()):
                try:
                    self.serve_once()
                    pause_s, out_of_time = FIRST_PAUSE_S, -1
                except _Stopped:
                    break
                except BusUnavailable as error:
                    log.warning("provider.bus_unavailable: %s", error.detail)
                    self._rest(pause_s)
                    pause_s = min(pause_s * 2, PAUSE_S_MAX)
                except Refused as error:
                    if error.code == OUT_OF_TIME and out_of_time < OUT_OF_TIME_MAX:
                        out_of_time += out_of_time >= 0  # taken once, ours are good: go on for ever
                    elif not error.retryable:
                        raise
                    log.warning("provider.lease_refused: %s %s", error.code, error.detail)
                    self._rest(pause_s)
                    pause_s = min(pause_s * 2, PAUSE_S_MAX)
        log.info("provider.stopped")

    def serve_once(self) -> int:
        """Lease one batch, answer it, and say how many deliveries there were.

        Raises:
            Refused, BusUnavailable, ProofFailed: the lease call itself failed.
        """
        self._idle = True
        try:
            if self._stopping.is_set():
                return 0
            batch = self._connection.run(self._serving.lease(sorted(self._handlers)))
        finally:
            self._idle = False
        self._keeper.keep(batch)
        try:
            for at, leased in enumerate(batch):
                if self._stopping.is_set():
                    self._release(batch[at:])
                    break
                self._serve(leased)
                self._keeper.drop([leased])
        finally:
            self._keeper.drop(batch)
        return len(batch)

    def _release(self, batch: list[Leased]) -> None:
        """Give up what was not begun, so that another process has it at once."""
        self._keeper.drop(batch)
        leases = [leased.lease for leased in batch]
        try:
            self._connection.run(self._serving.release(leases, STOPPING))
        except SdkError as error:
            log.warning("provider.leases_not_released: %s; they run out", error.code)

    def acknowledge(self, request: Request, accepted: bool = True) -> Receipt:
        """Say that a question has arrived, signed and logged; it moves nothing.

        For who answers much later and owes its consumer a word. Only from the thread that serves.

        Raises:
            Refused, BusUnavailable, ProofFailed: the bus didn't take it.
        """
        until_s = self._clock.elapsed_s() + ANSWER_S
        steps = self._talk.acknowledge(request.message, accepted, until_s)
        return Receipt.of(self._connection.run(steps))

    def stop(self) -> None:
        """Ask `run` to end after the question in hand; from any thread or a signal handler."""
        self._stopping.set()

    def close(self) -> None:
        """Close the connections; closing twice is nothing."""
        self._keeper.close()
        self._connection.close()

    def _serve(self, leased: Leased) -> None:
        try:
            until_ms = self._keeper.until_ms(leased)
            delivered = self._connection.run(self._serving.open(leased, until_ms))
            if delivered is None:
                log.info("provider.delivery_skipped: %s or its lease is over", leased.id)
                return
            frame = self._memory.get(leased.id)
            if frame is None:
                frame = self._answer(delivered, leased)
                self._memory.put(leased.id, frame)
            self._connection.run(self._serving.hand_over(frame))
            log.info("provider.answered: %s %s", leased.service, leased.id)
        except ProofFailed as error:
            log.error("provider.delivery_unproven: %s %s", leased.id, error.detail)
        except Refused as error:
            log.warning("provider.answer_refused: %s %s", leased.id, _why(error))
        except BusUnavailable:
            log.warning("provider.answer_undelivered: %s is kept to be sent again", leased.id)
        except HandlerFailed as error:
            log.error("provider.handler_failed: %s %s %s", leased.service, leased.id, error)

    def _answer(self, delivered: Delivered, leased: Leased) -> bytes:
        told: list[Refused] = []

        def tell(status: str) -> None:
            frame = self._serving.interim(delivered, status)
            try:
                self._connection.run(self._serving.hand_over(frame))
            except Refused as error:
                told.append(error)
                raise

        request = Request.of(delivered, leased.attempt, tell)
        said = said_by(self._handlers[request.service], request, told)
        return frame_of(self._serving, request, said)

    def _rest(self, seconds: float) -> None:
        self._idle = True
        try:
            self._stopping.wait(seconds)
        except _Stopped:
            self._stopping.set()
        finally:
            self._idle = False

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def asked(number: int, frame: FrameType | None) -> None:
            if self._stopping.is_set():
                raise KeyboardInterrupt
            self._stopping.set()
            if self._idle:
                self._idle = False
                raise _Stopped

        before = {number: signal.signal(number, asked) for number in IDLE_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def __enter__(self) -> Provider:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _why(error: Refused) -> str:
    """The code, and the schema's keywords that the answer breaks; never what was in it."""
    broken = sorted({str(one.get("keyword", "")) for one in error.errors} - {""})
    return f"{error.code} ({', '.join(broken)})" if broken else error.code

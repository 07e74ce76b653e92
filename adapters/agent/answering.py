"""Questions to us: leased from the mailbox, proven, put to the department's adapter, answered.

Owns the loop, the leases while they are worked on, and the order: a question is proven and its
receipt on disk before an adapter sees it; an answer is signed once, and every later try sends the
same bytes. Refuses to judge an answer: the bus checks it against the service's schema.

A question that fails is given back after a pause, under a code that its timeline shows; the bus
counts the tries. A killed agent's questions come back when their leases run out.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from adapters.agent.receipts import Kept, ReceiptBook, ReceiptsNotKept
from adapters.agent.settings import Mailbox
from adapters.base import Adapter, AdapterRequest, Answer, Reject
from adapters.errors import AttemptFailed, ProviderMisbehaved, ProviderTimeout
from sealway import requests as provider
from sealway.async_connection import AsyncConnection
from sealway.conversation import POLL_S, Conversation
from sealway.errors import BusUnavailable, ProofFailed, Refused, SdkError
from sealway.exchange_rules import Delivered
from sealway.serving import ANSWER_S, AnswerMemory, Leased, Serving
from signing.compose import PartIn
from signing.errors import IdentifierInvalid, SealwayError
from signing.message import Message, parse_frame

STOPPING: Final = "provider-stopping"  # the reasons that timelines show
NOT_KEPT: Final = "receipts-not-kept"
FAILURE: Final = "failure"
PAUSE_FIRST_S: Final = 1.0
EXTENDS_A_LEASE: Final = 3  # one that fails is made up for by the next
REFUSED_PAUSE_S: Final = 60.0  # a system that isn't known, or suspended, isn't so for seconds
OVER: Final = frozenset(
    {"already-answered", "answer-late", "exchange-cancelled", "answer-not-expected"}
)

log = logging.getLogger("sealway.agent")


class Answering:
    """The side of the agent that answers."""

    def __init__(
        self,
        talk: Conversation,
        connection: AsyncConnection,
        book: ReceiptBook,
        adapters: Mapping[str, Adapter],
        limits: Mailbox,
    ) -> None:
        """`adapters` are by the code of the service that each answers."""
        self._talk = talk
        self._connection = connection
        self._book = book
        self._adapters = adapters
        self._limits = limits
        self._memory = AnswerMemory()
        self._in_hand: dict[asyncio.Task[None], Leased] = {}
        self._until_ms: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self.trouble: str | None = None
        """Why the last lease call failed; None while all is well."""

    def stop(self) -> None:
        """Lease no more; what is in hand is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`, and until what is in hand is finished."""
        keeping = asyncio.create_task(self._keep_leases())
        try:
            while not self._stopping.is_set():
                pause_s = await self._round()
                if pause_s:
                    await self._rest(pause_s)
            await self.finish()
        finally:
            keeping.cancel()

    async def give_up(self) -> None:
        """Stop what is still in hand, and release its leases, for somebody else."""
        leases = [leased.lease for leased in self._in_hand.values()]
        for task in list(self._in_hand):
            task.cancel()
        await asyncio.gather(*self._in_hand, return_exceptions=True)
        await self._release(leases, STOPPING)

    async def serve_once(self) -> int:
        """Lease one batch and begin on it; how many deliveries it had.

        Raises:
            Refused, BusUnavailable, ProofFailed: the lease call itself failed.
        """
        free = self._limits.answers_max - len(self._in_hand)
        assert free > 0, "leases are taken only when there is room for them"
        batch = await self._connection.run(self._serving(free).lease(sorted(self._adapters)))
        for leased in batch:
            self._until_ms[leased.lease] = leased.until_ms
            task = asyncio.create_task(self._serve(leased))
            self._in_hand[task] = leased
            task.add_done_callback(self._done)
        return len(batch)

    async def _round(self) -> float:
        """Wait for room and lease once; how long to pause before the next."""
        while len(self._in_hand) >= self._limits.answers_max:
            await asyncio.wait(self._in_hand, return_when=asyncio.FIRST_COMPLETED)
        clock = self._talk.clock
        began_s, pause_s = clock.elapsed_s(), 0.0
        leasing = asyncio.ensure_future(self.serve_once())
        told = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({leasing, told}, return_when=asyncio.FIRST_COMPLETED)
            if leasing.done():
                if leasing.result() == 0 and clock.elapsed_s() - began_s < POLL_S:
                    pause_s = POLL_S  # the bus didn't wait; we do
                self.trouble = None
            return pause_s
        except (Refused, BusUnavailable, ProofFailed) as error:
            if self.trouble != error.code:
                log.warning("mailbox.away: %s %s", error.code, error.detail)
            self.trouble = error.code
            lasting = isinstance(error, Refused) and not error.retryable
            return REFUSED_PAUSE_S if lasting else PAUSE_FIRST_S
        finally:
            told.cancel()
            leasing.cancel()

    def _serving(self, batch: int) -> Serving:
        return Serving(self._talk, self._limits.lease_s, self._limits.wait_s, batch)

    def _done(self, task: asyncio.Task[None]) -> None:
        leased = self._in_hand.pop(task)
        self._until_ms.pop(leased.lease, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("answer.failed: %s %s", leased.id, type(error).__name__)

    async def _serve(self, leased: Leased) -> None:
        try:
            await self._answer(leased)
        except ProofFailed as error:  # nobody's question: its lease runs out
            log.error("delivery.unproven: %s %s", leased.id, error.detail)
        except AttemptFailed as error:
            log.warning("answer.attempt_failed: %s %s %s", leased.service, leased.id, error.code)
            await self._give_back(leased, error.code)
        except ReceiptsNotKept as error:
            log.error("receipts.not_kept: %s", error.detail)
            await self._give_back(leased, NOT_KEPT)
        except Refused as error:
            log.warning("answer.refused: %s %s", leased.id, error.code)
            if error.code not in OVER:
                self._memory.drop(leased.id)
                await self._give_back(leased, ProviderMisbehaved.code)
        except BusUnavailable:
            log.warning("answer.undelivered: %s is kept to be sent again", leased.id)

    async def _answer(self, leased: Leased) -> None:
        serving = self._serving(1)
        until_ms = self._until_ms.get(leased.lease, leased.until_ms)
        question = await self._connection.run(serving.open(leased, until_ms))
        if question is None:
            log.info("delivery.skipped: %s or its lease is over", leased.id)
            return
        frame = self._memory.get(leased.id)
        if frame is None:
            await self._book.keep(Kept.of("was-asked", question))
            frame = self._signed(serving, question, await self._asked(question, leased))
            self._memory.put(leased.id, frame)
        await self._hand_over(frame)
        log.info("answer.accepted: %s %s", leased.service, leased.id)

    async def _asked(self, question: Delivered, leased: Leased) -> Answer | Reject:
        """What the department says. Raises AttemptFailed."""
        adapter = self._adapters[leased.service]
        try:
            async with asyncio.timeout(self._limits.answer_s_max):
                return await adapter.answer(_request(question, leased))
        except TimeoutError as error:
            raise ProviderTimeout("No answer within the agent's time.") from error
        except SealwayError:
            raise
        except Exception as error:  # a plug-in's own mistake; its text may quote content
            log.error("adapter.failed: %s %s", adapter.name, type(error).__name__)
            raise ProviderMisbehaved("The adapter failed.") from None

    def _signed(self, serving: Serving, question: Delivered, said: Answer | Reject) -> bytes:
        if isinstance(said, Answer):
            return serving.response(question, [PartIn(said.body, type=said.type)])
        try:
            reject = provider.Reject(said.code, said.text)
        except IdentifierInvalid:
            reject = provider.Reject(FAILURE, said.text)
        return serving.rejection(question, reject)

    async def _hand_over(self, frame: bytes) -> None:
        """Have the bus take an answer, prove that it did, and keep the receipt."""
        raw, parts = parse_frame(frame)
        envelope = await self._connection.run(self._talk.signed(raw, parts))
        until_s = self._talk.clock.elapsed_s() + ANSWER_S
        sent = await self._connection.run(self._talk.send(Message(envelope, parts), until_s))
        assert sent.receipt is not None, "an answer is never waited for"
        try:
            await self._book.keep(Kept("answered", envelope, sent.receipt))
        except ReceiptsNotKept as error:  # the bus has the answer, and its receipt can be fetched
            log.error("receipts.not_kept: %s of answer %s", error.detail, envelope.manifest.id)

    async def _give_back(self, leased: Leased, reason: str) -> None:
        pause_s = min(PAUSE_FIRST_S * 2 ** min(leased.attempt, 16), self._limits.pause_s_max)
        await self._rest(pause_s)
        await self._release([leased.lease], reason)

    async def _release(self, leases: list[str], reason: str) -> None:
        if not leases:
            return
        try:
            await self._connection.run(self._serving(1).release(leases, reason))
        except SdkError as error:
            log.warning("leases.not_released: %s; they run out", error.code)

    async def _keep_leases(self) -> None:
        """Extend what is in hand, several times in a lease's length."""
        while True:
            await asyncio.sleep(self._limits.lease_s / EXTENDS_A_LEASE)
            leases = list(self._until_ms)
            if not leases:
                continue
            try:
                until = await self._connection.run(self._serving(1).extend(leases))
            except SdkError as error:
                log.warning("leases.not_extended: %s", error.code)
                continue
            for lease, until_ms in until.items():
                if lease in self._until_ms:
                    self._until_ms[lease] = until_ms or 0

    async def finish(self) -> None:
        """Return when nothing is in hand."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def _request(question: Delivered, leased: Leased) -> AdapterRequest:
    manifest, body = question.envelope.manifest, question.envelope.manifest.parts[0]
    return AdapterRequest(
        id=manifest.id,
        sender=manifest.sender,
        system=str(manifest.to),
        service=leased.service,
        attempt=leased.attempt,
        body_type=body.type,
        body=question.message.parts.data[0],
        purpose=manifest.purpose,
        test=manifest.test,
        expires_ms=manifest.expires_ms,
        traceparent=manifest.traceparent,
    )

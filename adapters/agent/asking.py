"""Questions of local systems: signed, sent, waited for, proven, and their receipts kept.

Owns what an answer to a local system is made of. Refuses to repeat a question: one call is one
question, and what became of it stays at its exchange's own address.

Order: the answer is verified, then both receipts are on disk, then the local system gets it.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from adapters.agent.receipts import Kept, ReceiptBook
from sealway.answers import ExchangeState
from sealway.async_connection import AsyncConnection
from sealway.conversation import Conversation, Wish
from sealway.errors import AnswerPending, ProofFailed, Rejected
from sealway.exchange_rules import Delivered, check_answer, check_pairing
from sealway.steps import Call, Steps, fetch, problem_of
from signing.identifiers import MessageId, parse_message_id
from signing.message import DELIVERY_TYPE, Message
from signing.receipts import VerifiedReceipt

SEND_S: Final = 30.0  # to hand a question over that nobody waits for
LAST_SEND_S: Final = 5.0  # to learn, when told to stop, whether the bus has it

log = logging.getLogger("sealway.agent")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answered:
    """A proven answer, a response or a rejection; its receipts are kept."""

    id: MessageId
    answer: Delivered


@dataclass(frozen=True, slots=True)
class Pending:
    """The bus has the question, by a receipt that is kept; no answer came in time."""

    id: MessageId


class Questions:
    """The side of the agent that asks."""

    def __init__(self, talk: Conversation, connection: AsyncConnection, book: ReceiptBook) -> None:
        self._talk = talk
        self._connection = connection
        self._book = book
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let whoever waits for an answer go, with the address where it will be."""
        self._stopping.set()

    def sign(self, wish: Wish) -> Message:
        """The question, signed; every try sends these bytes. Raises as `Conversation.compose`."""
        return self._talk.compose(wish)

    async def ask(self, message: Message, wait_s: float) -> Answered | Pending:
        """Send a question and wait for its answer, at most so long.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `Client.ask`.
            ReceiptsNotKept: the answer is withheld; its exchange has it.
        """
        asked_id = message.envelope.manifest.id
        if wait_s > 0:
            found = await self._unless_stopped(self._connection.run(self._ask(message, wait_s)))
            if found is not None:
                return await self._kept(message, *found)
        left_s = LAST_SEND_S if self._stopping.is_set() else SEND_S
        until_s = self._talk.clock.elapsed_s() + left_s
        sent = await self._connection.run(self._talk.send(message, until_s))
        assert sent.receipt is not None, "what was not waited for has a receipt"
        await self._book.keep(Kept("asked", message.envelope, sent.receipt))
        log.info("question.accepted: %s", asked_id)
        return Pending(asked_id)

    async def answer(self, message_id: str, wait_s: float) -> Answered | Pending:
        """The answer to a question asked earlier, waiting for it at most so long.

        Raises:
            MessageIdInvalid: not a message id.
            Refused: not ours, or there will be none. BusUnavailable, ProofFailed: as everywhere.
            ReceiptsNotKept: the answer is withheld for now.
        """
        parsed = parse_message_id(message_id)
        message, receipt = await self._connection.run(self._talk.recall(parsed))
        steps = self._collect(message, receipt, wait_s)
        found = await self._unless_stopped(self._connection.run(steps))
        return Pending(parsed) if found is None else await self._kept(message, *found)

    async def state(self, message_id: str) -> ExchangeState:
        """How an exchange stands, in the bus's words. Raises MessageIdInvalid, and as `answer`."""
        return await self._connection.run(self._talk.state(parse_message_id(message_id)))

    async def _kept(
        self, message: Message, receipt: VerifiedReceipt, answer: Delivered | None
    ) -> Answered | Pending:
        asked_id = message.envelope.manifest.id
        lines = [Kept("asked", message.envelope, receipt)]
        if answer is None:
            await self._book.keep(*lines)
            log.info("question.accepted: %s", asked_id)
            return Pending(asked_id)
        await self._book.keep(*lines, Kept.of("got", answer))
        log.info("question.answered: %s by %s", asked_id, answer.envelope.manifest.sender)
        return Answered(asked_id, answer)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What the work gives; None when the agent is told to stop before."""
        task = asyncio.ensure_future(work)
        told = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
            return await task if task.done() else None
        finally:
            told.cancel()
            task.cancel()

    def _ask(
        self, message: Message, wait_s: float
    ) -> Steps[tuple[VerifiedReceipt, Delivered | None]]:
        until_s = self._talk.clock.elapsed_s() + wait_s
        answer: Delivered | None = None
        try:
            answer = (yield from self._talk.ask(message, until_s)).answer
        except Rejected:
            answer = yield from self._rejection(message)
        except AnswerPending:
            pass
        receipt = yield from self._talk.receipt(message)
        if answer is not None:
            check_pairing(answer.receipt, receipt)
        return receipt, answer

    def _collect(
        self, message: Message, receipt: VerifiedReceipt, wait_s: float
    ) -> Steps[tuple[VerifiedReceipt, Delivered | None]]:
        until_s = self._talk.clock.elapsed_s() + wait_s
        try:
            answer = yield from self._talk.collect(message, until_s)
        except Rejected:
            answer = yield from self._rejection(message)
        except AnswerPending:
            return receipt, None
        check_pairing(answer.receipt, receipt)
        return receipt, answer

    def _rejection(self, message: Message) -> Steps[Delivered]:
        """The rejection itself, whose envelope and receipt are evidence like an answer's."""
        path = f"/v1/messages/{message.envelope.manifest.id}/answer"
        reply = yield from fetch(Call("GET", path, {"accept": DELIVERY_TYPE}))
        if reply.media_type != DELIVERY_TYPE:
            raise (
                problem_of(reply)
                if reply.status >= 400
                else ProofFailed("The rejection came in a form that carries no receipt.")
            )
        return check_answer((yield from self._talk.open(reply.body)), message.envelope)

"""The client for asyncio: the same questions, answers and proofs as `Client`, awaited.

Owns the public verbs of a consumer that serves many people at once. The rules are those of
`Question` and `Conversation`; nothing here knows one. One client serves any number of tasks of one
event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

import httpx

from sealway.answers import Anchored, Answer, ExchangeState, Receipt, Refusal
from sealway.async_connection import AsyncConnection, AsyncSleepingClock, AsyncSystemClock
from sealway.collecting import COLLECT_S, Collecting
from sealway.conversation import Conversation, Wish
from sealway.credentials import SystemCredentials, identity_of
from sealway.errors import SdkError
from sealway.parts import Attachment
from sealway.profile import Profile, load_profile
from sealway.question import ASK_S, OF_EXCHANGE, SEND_S, Question, expiry_ms, signed
from sealway.steps import Steps
from sealway.trust import Trust
from signing.identifiers import parse_message_id

T = TypeVar("T")


class AsyncClient:
    """A consumer system's connection to a bus; an asynchronous context manager."""

    def __init__(
        self,
        profile: Profile,
        *,
        clock: AsyncSleepingClock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        clock = clock or AsyncSystemClock()
        identity = identity_of(profile)
        self.system = identity.system
        self._talk = Conversation(identity, Trust.of(profile), clock)
        self._connection = AsyncConnection(
            profile.url, SystemCredentials(identity, clock), clock=clock, transport=transport
        )

    @classmethod
    def from_profile(cls, name: str | None = None) -> AsyncClient:
        """A client for the profile `name`, or for the one in force.

        Raises:
            ProfileInvalid: there is none, or it is no system's, or its files can't be used.
        """
        return cls(load_profile(name))

    async def ask(
        self,
        system: str,
        service: str,
        content: Any,
        purpose: str | None = None,
        timeout_s: float = ASK_S,
        *,
        media_type: str = "application/json",
        test: bool = False,
        transaction: str | None = None,
        traceparent: str | None = None,
        attachments: Sequence[Attachment] = (),
        context: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Ask and wait for the answer, at most `timeout_s`; everything as `Client.ask` says.

        A task that is cancelled while it waits takes nothing back: the question is asked, and
        expires with the waiting.

        Raises:
            Rejected, Refused, AnswerPending, BusUnavailable, ProofFailed, IdentifierInvalid: as
                `Client.ask`.
        """
        expires_ms = expiry_ms(self._talk, timeout_s)
        wish = Wish(
            system,
            service,
            content,
            purpose,
            media_type,
            test,
            transaction,
            expires_ms,
            traceparent,
            attachments,
            context,
        )
        exchange = AsyncExchange(self, signed(self._talk, wish))
        return Answer.of(await exchange._run(exchange._question.ask(timeout_s)), exchange)

    async def send(
        self,
        system: str,
        service: str,
        content: Any,
        purpose: str | None = None,
        timeout_s: float = SEND_S,
        *,
        expires_s: float | None = None,
        media_type: str = "application/json",
        test: bool = False,
        transaction: str | None = None,
        traceparent: str | None = None,
        attachments: Sequence[Attachment] = (),
        context: Mapping[str, Any] | None = None,
    ) -> AsyncExchange:
        """Hand a question over and return with its verified receipt; as `Client.send`.

        Raises:
            Refused, BusUnavailable, ProofFailed, IdentifierInvalid: as `ask`.
        """
        expires_ms = expiry_ms(self._talk, expires_s)
        wish = Wish(
            system,
            service,
            content,
            purpose,
            media_type,
            test,
            transaction,
            expires_ms,
            traceparent,
            attachments,
            context,
        )
        exchange = AsyncExchange(self, signed(self._talk, wish))
        await exchange.resend(timeout_s)
        return exchange

    def exchange(self, message_id: str) -> AsyncExchange:
        """An exchange begun earlier, by the id of its request; nothing is fetched yet.

        Raises:
            MessageIdInvalid: not a message id.
        """
        return AsyncExchange(self, Question.of(self._talk, message_id))

    async def answers(self, wait_s: int = COLLECT_S) -> AsyncIterator[AsyncExchange]:
        """Exchanges whose answers wait in our mailbox; everything as `Client.answers` says.

        Break off with `contextlib.aclosing`, so that what was not handled is given back at once.

        Raises:
            Refused, BusUnavailable: the mailbox can't be leased from.
        """
        collecting, run = Collecting(self._talk, wait_s), self._connection.run
        while held := await run(collecting.lease()):
            try:
                while held:
                    question = await run(collecting.open(held[0]))
                    if question is not None:
                        yield AsyncExchange(self, question)
                        await run(collecting.confirm(held[0]))
                    held.pop(0)
            finally:
                with suppress(SdkError):  # else the leases run out
                    await run(collecting.release(held))

    async def refusals(self, message_id: str) -> tuple[Refusal, ...]:
        """What the bus refused under an id of ours; as `Client.refusals`.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `Client.refusals`.
        """
        return await self._connection.run(self._talk.refusals(parse_message_id(message_id)))

    async def close(self) -> None:
        """Close the connections; closing twice is nothing."""
        await self._connection.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncExchange:
    """A question of ours and what became of it. Fetches lazily; verifies whatever it fetches."""

    def __init__(self, client: AsyncClient, question: Question) -> None:
        self._client = client
        self._question = question

    def __repr__(self) -> str:
        return f"AsyncExchange({self.id!r})"

    @property
    def id(self) -> str:
        """The id of the request; keep it to ask again after a restart."""
        return self._question.id

    async def receipt(self) -> Receipt:
        """The request's own receipt, verified against the bytes we signed.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `AsyncClient.ask`.
        """
        return Receipt.of(await self._run(self._question.receipt()))

    async def anchored(self, policy: bytes, roots: bytes = b"") -> Anchored:
        """The request's anchored receipt, verified under anchors that you were given by hand.

        `policy` and `roots` as for `Exchange.anchored`.

        Raises:
            Refused: there is none so far (`anchor-not-yet`), or the bus asks nobody.
            BusUnavailable, ProofFailed: as `AsyncClient.ask`.
        """
        return await self._run(self._question.anchored(policy, roots))

    async def resend(self, timeout_s: float = SEND_S) -> Receipt:
        """Send the very bytes of the request again; the bus takes a message once.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `AsyncClient.send`.
        """
        return Receipt.of(await self._run(self._question.send(timeout_s)))

    async def state(self) -> ExchangeState:
        """How it stands and what happened so far, in the bus's words.

        Raises:
            Refused: not ours to see. BusUnavailable: not reached.
        """
        return await self._run(self._question.state())

    async def answer(self, wait_s: float = 0.0) -> Answer:
        """The verified answer, waiting up to `wait_s` for it; as often as wished.

        Raises:
            AnswerPending, Rejected, Refused, BusUnavailable, ProofFailed: as `Exchange.answer`.
        """
        return Answer.of(await self._run(self._question.answer(wait_s)), self)

    async def cancel(self, timeout_s: float = SEND_S) -> str:
        """Say that the answer isn't wanted any more; as `Exchange.cancel`.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `Exchange.cancel`.
        """
        return await self._run(self._question.cancel(timeout_s))

    async def _run(self, steps: Steps[T]) -> T:
        try:
            return await self._client._connection.run(steps)
        except OF_EXCHANGE as error:
            error.exchange = self
            raise

    async def acknowledge(self, accepted: bool = True, timeout_s: float = SEND_S) -> Receipt:
        """Say that the answer has arrived; as `Exchange.acknowledge`.

        Raises:
            AnswerPending, Refused, BusUnavailable, ProofFailed: as `Exchange.acknowledge`.
        """
        return Receipt.of(await self._run(self._question.acknowledge(accepted, timeout_s)))

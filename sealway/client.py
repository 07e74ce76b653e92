"""The client: ask a service and get a proven answer, or an error that says what to do.

Owns the public verbs of a consumer. Verification is not an option of any of them: an `Answer`
exists only when its signature, receipt, parts and pairing hold under the profile's pinned key.
Not for use by several threads at once; make one client each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

import httpx

from sealway.answers import Anchored, Answer, ExchangeState, Receipt, Refusal
from sealway.collecting import COLLECT_S, Collecting
from sealway.connection import Connection, SleepingClock, SystemClock
from sealway.conversation import Conversation, Wish
from sealway.credentials import SystemCredentials, identity_of
from sealway.errors import SdkError
from sealway.parts import Attachment
from sealway.profile import Profile, load_profile
from sealway.question import ASK_S, OF_EXCHANGE, SEND_S, Question, expiry_ms, signed
from sealway.steps import Steps
from sealway.trust import Trust
from signing.identifiers import MessageId, parse_message_id
from signing.message import Message
from signing.receipts import VerifiedReceipt

T = TypeVar("T")


class Client:
    """A consumer system's connection to a bus; a context manager."""

    def __init__(
        self,
        profile: Profile,
        *,
        clock: SleepingClock | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        clock = clock or SystemClock()
        identity = identity_of(profile)
        self.system = identity.system
        self._talk = Conversation(identity, Trust.of(profile), clock)
        self._connection = Connection(
            profile.url, SystemCredentials(identity, clock), clock=clock, transport=transport
        )

    @classmethod
    def from_profile(cls, name: str | None = None) -> Client:
        """A client for the profile `name`, or for the one in force.

        Raises:
            ProfileInvalid: there is none, or it is no system's, or its files can't be used.
        """
        return cls(load_profile(name))

    def ask(
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
        """Ask and wait for the answer, at most `timeout_s` (and up to 5 s for it to arrive).

        `content` is bytes, sent as they are, or anything JSON. The question expires with the
        waiting: what nobody waits for is not handed over. While the bus is away or asks for
        patience, the same bytes are sent again. `traceparent` is the W3C trace context you are in:
        it is signed with the question, and the provider gets it. `attachments` are further parts,
        32 parts and 10 MiB in all; `context` is a JSON object with words and names for people.

        Raises:
            Rejected: the provider's no. Refused: the bus's.
            AnswerPending: no answer in time, and the question is over (`over`); an answer that
                came in the last moment is at `.exchange.answer()`. `send` is for what takes long.
            BusUnavailable: the bus was not reached in time.
            ProofFailed: what came is not proven; it is withheld.
            IdentifierInvalid: `system`, `service` or `purpose` cannot be one.
            ManifestInvalid: `traceparent` is none, or a part can't be one.
            ValueError: an attachment is named as the body or the context is.
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
        exchange = Exchange._of(self, signed(self._talk, wish))
        return Answer.of(exchange._run(exchange._question.ask(timeout_s)), exchange)

    def send(
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
    ) -> Exchange:
        """Hand a question over and return with its verified receipt; the answer comes later.

        `timeout_s` is for handing over. `expires_s`, when given, is how long the question may
        still be delivered; otherwise the service's own deadline rules.

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
        exchange = Exchange._of(self, signed(self._talk, wish))
        exchange.resend(timeout_s)
        return exchange

    def exchange(self, message_id: str) -> Exchange:
        """An exchange begun earlier, by the id of its request; nothing is fetched yet.

        So a program that ended while it waited goes on: `bus.exchange(id).answer(wait_s)`.

        Raises:
            MessageIdInvalid: not a message id.
        """
        return Exchange._of(self, Question.of(self._talk, message_id))

    def answers(self, wait_s: int = COLLECT_S) -> Iterator[Exchange]:
        """Exchanges whose answers wait in our mailbox, until none comes within `wait_s` seconds.

        For a system that is registered with `answers = "mailbox"`. Each is proven; its `answer()`
        costs no call, and raises `Rejected` for a provider's no. An answer is confirmed when the
        loop goes on to the next: one that the loop's body broke off at is handed out again.

        Raises:
            Refused, BusUnavailable: the mailbox can't be leased from.
        """
        collecting, run = Collecting(self._talk, wait_s), self._connection.run
        while held := run(collecting.lease()):
            try:
                while held:
                    question = run(collecting.open(held[0]))
                    if question is not None:
                        yield Exchange._of(self, question)
                        run(collecting.confirm(held[0]))
                    held.pop(0)
            finally:
                with suppress(SdkError):  # else the leases run out
                    run(collecting.release(held))

    def refusals(self, message_id: str) -> tuple[Refusal, ...]:
        """What the bus refused under an id of ours, each proven to be logged; the last first.

        Raises:
            Refused: nothing of ours was refused under it (`not-found`).
            BusUnavailable, ProofFailed: as `ask`.
        """
        return self._connection.run(self._talk.refusals(parse_message_id(message_id)))

    def close(self) -> None:
        """Close the connection; closing twice is nothing."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Exchange:
    """A question of ours and what became of it. Fetches lazily; verifies whatever it fetches."""

    def __init__(
        self,
        client: Client,
        message_id: MessageId,
        message: Message | None = None,
        receipt: VerifiedReceipt | None = None,
    ) -> None:
        self._client = client
        self._question = Question(client._talk, message_id, message, receipt)

    @classmethod
    def _of(cls, client: Client, question: Question) -> Exchange:
        made = cls.__new__(cls)
        made._client, made._question = client, question
        return made

    def __repr__(self) -> str:
        return f"Exchange({self.id!r})"

    @property
    def id(self) -> str:
        """The id of the request; keep it to ask again after a restart."""
        return self._question.id

    @property
    def receipt(self) -> Receipt:
        """The request's own receipt, verified against the bytes we signed.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `Client.ask`.
        """
        return Receipt.of(self._run(self._question.receipt()))

    def anchored(self, policy: bytes, roots: bytes = b"") -> Anchored:
        """The request's anchored receipt, verified under anchors that you were given by hand.

        `policy` is a C2SP tlog-policy with log 0's key, the witnesses and the quorum; with `roots`
        (PEM) a time-stamp under one of them is required.

        Raises:
            Refused: there is none so far (`anchor-not-yet`), or the bus asks nobody.
            BusUnavailable, ProofFailed: as `Client.ask`.
        """
        return self._run(self._question.anchored(policy, roots))

    def resend(self, timeout_s: float = SEND_S) -> Receipt:
        """Send the very bytes of the request again; the bus takes a message once.

        For after `BusUnavailable`, when nobody knows whether it arrived.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `Client.send`.
        """
        return Receipt.of(self._run(self._question.send(timeout_s)))

    def state(self) -> ExchangeState:
        """How it stands and what happened so far, in the bus's words.

        Raises:
            Refused: not ours to see. BusUnavailable: not reached.
        """
        return self._run(self._question.state())

    def answer(self, wait_s: float = 0.0) -> Answer:
        """The verified answer, waiting up to `wait_s` for it; as often as wished.

        Raises:
            AnswerPending: none yet. Rejected: the provider's no.
            Refused: there will be none (`message-expired`), or it is not ours.
            BusUnavailable, ProofFailed: as `Client.ask`.
        """
        return Answer.of(self._run(self._question.answer(wait_s)), self)

    def _run(self, steps: Steps[T]) -> T:
        try:
            return self._client._connection.run(steps)
        except OF_EXCHANGE as error:
            error.exchange = self
            raise

    def cancel(self, timeout_s: float = SEND_S) -> str:
        """Say that the answer isn't wanted any more; the state the exchange has ended in.

        `cancelled`, or `expired` where its time was over before. A provider that works on it is
        told when it answers.

        Raises:
            Refused: it was answered before (`already-answered`).
            BusUnavailable, ProofFailed: as `Client.ask`.
        """
        return self._run(self._question.cancel(timeout_s))

    def acknowledge(self, accepted: bool = True, timeout_s: float = SEND_S) -> Receipt:
        """Say that the answer has arrived, signed and logged, and whether you take it as it is.

        It moves nothing: the exchange is over. The receipt is the acknowledgement's own.

        Raises:
            AnswerPending: there is no answer yet.
            Refused, BusUnavailable, ProofFailed: as `Client.ask`.
        """
        return Receipt.of(self._run(self._question.acknowledge(accepted, timeout_s)))

"""The client: ask a service and get a proven answer, or an error that says what to do.

Owns the public verbs of a consumer. Verification is not an option of any of them: an `Answer`
exists only when its signature, receipt, parts and pairing hold under the profile's pinned key.
Not for use by several threads at once; make one client each.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final

import httpx

from sealway.answers import Answer, ExchangeState, Receipt, Refusal
from sealway.connection import Connection, SleepingClock, SystemClock
from sealway.conversation import Conversation, Wish
from sealway.credentials import SystemCredentials, identity_of
from sealway.errors import AnswerPending, Rejected
from sealway.exchange_rules import check_pairing
from sealway.profile import Profile, load_profile
from sealway.trust import Trust
from signing.identifiers import parse_message_id
from signing.message import Message
from signing.receipts import VerifiedReceipt

ASK_S: Final = 20.0  # what a person in front of a screen endures
SEND_S: Final = 30.0  # long enough for a bus that restarts


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
        self._clock = clock
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
    ) -> Answer:
        """Ask and wait for the answer, at most `timeout_s` (and up to 5 s for it to arrive).

        `content` is bytes, sent as they are, or anything JSON. The question expires with the
        waiting: what nobody waits for is not handed over. While the bus is away or asks for
        patience, the same bytes are sent again.

        Raises:
            Rejected: the provider's no. Refused: the bus's.
            AnswerPending: no answer in time; `.exchange` can ask again.
            BusUnavailable: the bus was not reached in time.
            ProofFailed: what came is not proven; it is withheld.
            IdentifierInvalid: `system`, `service` or `purpose` cannot be one.
        """
        until_s = self._clock.elapsed_s() + timeout_s
        expires_ms = self._clock.now_ms() + int(timeout_s * 1000)
        message = self._talk.compose(
            Wish(system, service, content, purpose, media_type, test, transaction, expires_ms)
        )
        exchange = Exchange(self, message.envelope.manifest.id, message)
        try:
            sent = self._connection.run(self._talk.ask(message, until_s))
        except (AnswerPending, Rejected) as error:
            error.exchange = exchange
            raise
        assert sent.answer is not None
        return exchange._answered(Answer.of(sent.answer, exchange))

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
    ) -> Exchange:
        """Hand a question over and return with its verified receipt; the answer comes later.

        `timeout_s` is for handing over. `expires_s`, when given, is how long the question may
        still be delivered; otherwise the service's own deadline rules.

        Raises:
            Refused, BusUnavailable, ProofFailed, IdentifierInvalid: as `ask`.
        """
        until_s = self._clock.elapsed_s() + timeout_s
        expires_ms = None if expires_s is None else self._clock.now_ms() + int(expires_s * 1000)
        message = self._talk.compose(
            Wish(system, service, content, purpose, media_type, test, transaction, expires_ms)
        )
        return self._send(message, until_s)

    def _send(self, message: Message, until_s: float) -> Exchange:
        sent = self._connection.run(self._talk.send(message, until_s))
        return Exchange(self, message.envelope.manifest.id, message, sent.receipt)

    def exchange(self, message_id: str) -> Exchange:
        """An exchange begun earlier, by the id of its request; nothing is fetched yet.

        Raises:
            MessageIdInvalid: not a message id.
        """
        return Exchange(self, parse_message_id(message_id))

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
        message_id: str,
        message: Message | None = None,
        receipt: VerifiedReceipt | None = None,
    ) -> None:
        self.id = message_id
        self._client = client
        self._message = message
        self._receipt = receipt
        self._answer: Answer | None = None

    def __repr__(self) -> str:
        return f"Exchange({self.id!r})"

    @property
    def receipt(self) -> Receipt:
        """The request's own receipt, verified against the bytes we signed.

        Raises:
            Refused, BusUnavailable, ProofFailed: as `Client.ask`.
        """
        if self._receipt is None:
            message = self._question()
            if self._receipt is None:
                run = self._client._connection.run
                self._receipt = run(self._client._talk.receipt(message))
        if self._answer is not None:
            check_pairing(self._answer.message.receipt, self._receipt)
        return Receipt.of(self._receipt)

    def state(self) -> ExchangeState:
        """How it stands and what happened so far, in the bus's words.

        Raises:
            Refused: not ours to see. BusUnavailable: not reached.
        """
        return self._client._connection.run(self._client._talk.state(parse_message_id(self.id)))

    def answer(self, wait_s: float = 0.0) -> Answer:
        """The verified answer, waiting up to `wait_s` for it; as often as wished.

        Raises:
            AnswerPending: none yet. Rejected: the provider's no.
            Refused: there will be none (`message-expired`), or it is not ours.
            BusUnavailable, ProofFailed: as `Client.ask`.
        """
        if self._answer is not None:
            return self._answer
        until_s = self._client._clock.elapsed_s() + wait_s
        message = self._question()
        try:
            delivered = self._client._connection.run(self._client._talk.collect(message, until_s))
        except (AnswerPending, Rejected) as error:
            error.exchange = self
            raise
        return self._answered(Answer.of(delivered, self))

    def cancel(self, timeout_s: float = SEND_S) -> str:
        """Say that the answer isn't wanted any more; the state the exchange has ended in.

        `cancelled`, or `expired` where its time was over before. A provider that works on it is
        told when it answers.

        Raises:
            Refused: it was answered before (`already-answered`).
            BusUnavailable, ProofFailed: as `Client.ask`.
        """
        until_s = self._client._clock.elapsed_s() + timeout_s
        steps = self._client._talk.cancel(self._question(), until_s)
        return self._client._connection.run(steps)

    def _answered(self, answer: Answer) -> Answer:
        self._answer = answer
        if self._receipt is not None:
            check_pairing(answer.message.receipt, self._receipt)
        return answer

    def _question(self) -> Message:
        if self._message is None:
            talk = self._client._talk
            self._message, self._receipt = self._client._connection.run(talk.recall(self.id))
        return self._message

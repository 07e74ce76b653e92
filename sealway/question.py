"""A question of ours and what became of it, as steps: shared by both clients, whatever drives them.

Owns what is remembered of one exchange: the bytes we signed, the receipt, the answer; each fetched
when it is first needed, and kept only once it is proven and fits the others. Logs what happened
under the exchange's id, never content.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from sealway.answers import Anchored, ExchangeState
from sealway.conversation import Conversation, Wish
from sealway.errors import AnswerPending, BusUnavailable, ProofFailed, Refused, Rejected
from sealway.exchange_rules import Delivered, check_answer, check_pairing, rejection_text
from sealway.steps import Steps
from signing.identifiers import MessageId, parse_message_id
from signing.message import Message
from signing.receipts import VerifiedReceipt

ASK_S: Final = 20.0  # what a person in front of a screen endures
SEND_S: Final = 30.0  # long enough for a bus that restarts

log = logging.getLogger("sealway")


def expiry_ms(talk: Conversation, within_s: float | None) -> int | None:
    """When a question that may be handed over for so long expires; None: the service decides."""
    return None if within_s is None else talk.clock.now_ms() + int(within_s * 1000)


def signed(talk: Conversation, wish: Wish) -> Question:
    """A question that is signed and not sent yet; every try sends these bytes.

    Raises:
        IdentifierInvalid, TypeError, ValueError: as `Conversation.compose`.
    """
    message = talk.compose(wish)
    return Question(talk, message.envelope.manifest.id, message)


class Question:
    """One exchange, from the side that asked."""

    def __init__(
        self,
        talk: Conversation,
        message_id: MessageId,
        message: Message | None = None,
        receipt: VerifiedReceipt | None = None,
    ) -> None:
        self.id = message_id
        self._talk = talk
        self._message = message
        self._receipt = receipt
        self._answer: Delivered | None = None
        self._rejected: Rejected | None = None

    @classmethod
    def of(cls, talk: Conversation, message_id: str) -> Question:
        """One that was sent earlier, perhaps by another process. Raises MessageIdInvalid."""
        return cls(talk, parse_message_id(message_id))

    def ask(self, timeout_s: float) -> Steps[Delivered]:
        """Send, and wait for the answer, at most `timeout_s` in all. Raises as the clients' ask."""
        with self._told():
            until_s = self._talk.clock.elapsed_s() + timeout_s
            sent = yield from self._talk.ask((yield from self._asked()), until_s)
            assert sent.answer is not None, "asking ends with an answer"
            return self._keep(sent.answer)

    def send(self, timeout_s: float) -> Steps[VerifiedReceipt]:
        """Hand it over, or again: the same bytes, the first receipt. Raises as the clients' send.

        A message that the bus has is never taken twice, so this is always harmless.
        """
        with self._told():
            until_s = self._talk.clock.elapsed_s() + timeout_s
            sent = yield from self._talk.send((yield from self._asked()), until_s)
            assert sent.receipt is not None, "what was not waited for has a receipt"
            self._receipt = sent.receipt
            log.info("exchange %s: accepted", self.id)
            return sent.receipt

    def receipt(self) -> Steps[VerifiedReceipt]:
        """Our own message's receipt, verified; it fits the answer's, if that is known."""
        with self._told():
            message = yield from self._asked()
            receipt = self._receipt
            if receipt is None:
                receipt = yield from self._talk.receipt(message)
            if self._answer is not None:
                check_pairing(self._answer.receipt, receipt)
            self._receipt = receipt
            return receipt

    def anchored(self, policy: bytes, roots: bytes) -> Steps[Anchored]:
        """Our own message's anchored receipt, verified under anchors that the caller has."""
        from sealway.anchoring import check_anchored, read_anchors

        anchors = read_anchors(policy, roots)
        with self._told():
            message = yield from self._asked()
            data = yield from self._talk.anchored(self.id)
            return check_anchored(data, message.envelope, anchors)

    def state(self) -> Steps[ExchangeState]:
        """How it stands, in the bus's words."""
        with self._told():
            return (yield from self._talk.state(self.id))

    def answer(self, wait_s: float) -> Steps[Delivered]:
        """The verified answer, waited for up to `wait_s`; from memory once it is known."""
        if self._rejected is not None:
            raise self._rejected
        if self._answer is not None:
            return self._answer
        with self._told():
            until_s = self._talk.clock.elapsed_s() + wait_s
            return self._keep((yield from self._talk.collect((yield from self._asked()), until_s)))

    def collected(self, answer: Delivered) -> Steps[None]:
        """Take the answer that came to our mailbox; `answer` gives it from memory then.

        Raises:
            ProofFailed: it answers another question, or another one in the log.
            Refused, BusUnavailable: our own question can't be had.
        """
        check_answer(answer, (yield from self._asked()).envelope)
        self._keep(answer)
        manifest = answer.envelope.manifest
        if manifest.kind == "rejection":
            self._rejected = Rejected(str(manifest.reason), rejection_text(answer))

    def cancel(self, timeout_s: float) -> Steps[str]:
        """Say that the answer isn't wanted any more; the state it has ended in."""
        with self._told():
            until_s = self._talk.clock.elapsed_s() + timeout_s
            return (yield from self._talk.cancel((yield from self._asked()), until_s))

    def acknowledge(self, accepted: bool, timeout_s: float) -> Steps[VerifiedReceipt]:
        """Say that its answer has arrived, and whether we take it as it is."""
        answer = yield from self.answer(0.0)
        with self._told():
            until_s = self._talk.clock.elapsed_s() + timeout_s
            return (yield from self._talk.acknowledge(answer, accepted, until_s))

    def _asked(self) -> Steps[Message]:
        """What we signed: from memory, or as the bus keeps it, proven to be ours."""
        if self._message is None:
            self._message, self._receipt = yield from self._talk.recall(self.id)
        return self._message

    def _keep(self, answer: Delivered) -> Delivered:
        """Remember an answer; one that fits another question in the log is never kept."""
        if self._receipt is not None:
            check_pairing(answer.receipt, self._receipt)
        self._answer = answer
        log.info("exchange %s: answered by %s", self.id, answer.envelope.manifest.sender)
        return answer

    @contextmanager
    def _told(self) -> Generator[None]:
        """Log how it ended: ids and codes alone."""
        try:
            yield
        except Rejected as error:
            log.info("exchange %s: rejected, %s", self.id, error.code)
            raise
        except (AnswerPending, BusUnavailable, Refused) as error:
            log.info("exchange %s: %s", self.id, error.code)
            raise
        except ProofFailed:
            log.error("exchange %s: proof-failed, what came is withheld", self.id)
            raise


OF_EXCHANGE: Final = (AnswerPending, Rejected, BusUnavailable)
"""What leads to its exchange: it may go on, or holds the evidence."""

"""A consumer's side of its mailbox, as steps: lease answers, prove them, confirm.

Owns how a leased answer becomes a `Question` that is over. Refuses to confirm what nobody was
handed: whoever iterates decides when one is done.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from sealway.conversation import Conversation
from sealway.errors import ProofFailed, Refused
from sealway.exchange_rules import Delivered
from sealway.question import Question
from sealway.serving import Leased, Serving
from sealway.steps import Steps
from signing.manifest import ANSWERS

COLLECT_S: Final = 20  # one long poll; the bus grants up to a minute
LEASE_S: Final = 900  # for handling a whole batch
BATCH: Final = 10
LEFT: Final = "not-handled"
"""The reason that timelines show for what was leased and given back unread."""

log = logging.getLogger("sealway")


class Collecting:
    """Answers to one system, from its mailbox."""

    def __init__(self, talk: Conversation, wait_s: int) -> None:
        self._talk = talk
        self._serving = Serving(talk, LEASE_S, wait_s, BATCH)

    def lease(self) -> Steps[list[Leased]]:
        """Lease the next answers, waiting for one at the bus. Raises as `Serving.lease`."""
        return (yield from self._serving.lease((), sorted(ANSWERS)))

    def open(self, leased: Leased) -> Steps[Question | None]:
        """The exchange that a leased answer ended, proven; None: unproven, or its lease is over.

        What is unproven is logged, withheld and stays in the mailbox.

        Raises:
            BusUnavailable: not reached.
        """
        if self._talk.clock.now_ms() >= leased.until_ms:
            return None
        try:
            answer = yield from self._serving.opened(leased)
            question = self._question(answer)
            yield from question.collected(answer)
        except (ProofFailed, Refused) as error:
            log.error("answer %s: %s, what came is withheld", leased.id, error.code)
            return None
        return question

    def _question(self, answer: Delivered) -> Question:
        about = answer.envelope.manifest.about
        if about is None:
            raise ProofFailed("What came is not an answer.")
        return Question(self._talk, about.id)

    def confirm(self, leased: Leased) -> Steps[None]:
        """It was handled: it is handed out no more. Raises Refused, BusUnavailable."""
        yield from self._serving.confirm([leased.lease])

    def release(self, leased: Sequence[Leased]) -> Steps[None]:
        """Give back what was not handled. Raises Refused, BusUnavailable."""
        if leased:
            yield from self._serving.release([one.lease for one in leased], LEFT)

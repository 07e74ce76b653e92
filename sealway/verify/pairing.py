"""Answers and what they answer: each `ref` must name an open request, each exchange ends once.

Exchanges that begin and end in what is gone through here are settled at once and forgotten. What
is left, at the end or when there is too much of it, goes to `exchanges`, on disk: requests without
an end, answers to requests that weren't met, and, with several traffic logs, requests that ended,
because a second answer may stand in another log. So memory stays the same at any length.
"""

from dataclasses import dataclass
from typing import Final

from registry.directory import Directory
from sealway.verify.exchanges import (
    DELIVERY,
    DURING,
    ENDS,
    Answer,
    Asked,
    Exchanges,
    Kept,
    Names,
    Rules,
    kept_answer,
    kept_request,
    story_of,
)
from sealway.verify.findings import Findings
from signing.encoding import b64url_decode
from signing.log.leaf import Leaf

KEPT_MAX: Final = 10_000  # of some 500 bytes


def collects(directory: Directory, consumer: str | None) -> bool:
    """Whether answers to a consumer came to its mailbox, under this directory."""
    system = None if consumer is None else directory.system(consumer)
    return system is not None and system.answers == "mailbox"


def asked_by(leaf: Leaf, shard: int, index: int, id_: bytes, digest: bytes) -> Asked:
    """What an answer to this leaf, a request's or a boxed answer's, is held against."""
    mirrored = story_of(leaf.to, leaf.sender, leaf.svc, leaf.test)
    return Asked(mirrored, leaf.reg, shard, index, id_, digest)


@dataclass(slots=True)
class Answering:
    """A leaf that is about an exchange, and what its envelope or record names, once it is open."""

    ref: bytes
    answer: Answer
    asked: Asked | None = None
    """The request, when it was met before."""
    names: Names = None
    """Id and digest of the request, as the envelope says; without an envelope the id alone."""
    is_open: bool = False
    """Whether ``names`` is known at all."""


class Pairing:
    """Follows exchanges through the leaves; an answer may stand in another log than its request."""

    def __init__(
        self,
        findings: Findings,
        *,
        several: bool,
        partial: bool = False,
        outside: bool = False,
        exchanges: Exchanges | None = None,
    ) -> None:
        """``partial``: not every act is here. ``outside``: nor every leaf, from the beginning.

        Without ``exchanges`` what is left stays here until `left` takes it or `finish` settles it.
        """
        self._rules = Rules(findings, several=several, partial=partial, outside=outside)
        self._exchanges = exchanges
        self.open: dict[bytes, Asked] = {}
        """Requests without an end, by the hash of their leaf."""
        self._boxed: dict[bytes, Asked] = {}
        """Answers in their consumers' mailboxes, until their confirmation was met."""
        self._early: list[Answering] = []
        """Those whose request was not met."""
        self._kept: list[Kept] = []

    def ask(self, hash_: bytes, asked: Asked) -> None:
        """A request's leaf."""
        self.open[hash_] = asked

    def box(self, hash_: bytes, answer: Asked) -> None:
        """An answer's leaf that its consumer may confirm, as a provider confirms a request's."""
        self._boxed[hash_] = answer

    def answer(self, leaf: Leaf, shard: int, index: int) -> Answering | None:
        """What a leaf is about; None for a leaf that is about no exchange, or about none at all."""
        if leaf.k not in ENDS and leaf.k not in DURING:
            return None
        self._shed()
        story = story_of(leaf.sender, leaf.to, leaf.svc, leaf.test)
        answer = Answer(leaf.k, story, leaf.reg, shard, index)
        if leaf.ref is None:
            self._rules.unpaired(answer)
            return None
        ref = b64url_decode(leaf.ref)
        answering = Answering(ref, answer, self.open.get(ref) or self._collected(leaf.k, ref))
        if answering.asked is None:
            self._early.append(answering)
            return answering
        self._rules.check(answer, answering.asked)
        if leaf.k in ENDS:
            self.end(ref)
        return answering

    def names(self, answering: Answering, named: Names) -> None:
        """What its envelope (id and digest) or its record (id, "") says it is about."""
        answering.names, answering.is_open = named, True
        if answering.asked is not None:
            self._rules.check_names(answering.answer, named, answering.asked)

    def end(self, ref: bytes) -> None:
        """The open request with this leaf has its end."""
        asked = self.open.pop(ref)
        if self._rules.several:
            self._kept.append(kept_request(ref, "ended", asked))

    def _collected(self, kind: str, ref: bytes) -> Asked | None:
        """The answer whose delivery a leaf is about; one confirmation is all there can be."""
        answer = self._boxed.get(ref) if kind in DELIVERY else None
        if answer is not None and kind == "delivered":
            del self._boxed[ref]
            if self._rules.several:
                self._kept.append(kept_request(ref, "collected", answer))
        return answer

    # --- what is left -------------------------------------------------------------------------

    def left(self) -> list[Kept]:
        """Everything that was not settled here; nothing of it is held any more."""
        kept, self._kept = self._kept, []
        kept += [kept_request(hash_, "open", asked) for hash_, asked in self.open.items()]
        kept += [kept_request(hash_, "boxed", asked) for hash_, asked in self._boxed.items()]
        for one in self._early:
            kept.append(kept_answer(one.ref, one.answer, one.names, is_open=one.is_open))
        for held in (self.open, self._boxed, self._early):
            held.clear()
        return kept

    def _shed(self) -> None:
        """Called before a leaf, when all before it were told what they name."""
        held = len(self.open) + len(self._boxed) + len(self._early) + len(self._kept)
        if held > KEPT_MAX and self._exchanges is not None:
            self._exchanges.add(self.left())

    def finish(self) -> int:
        """Settle what is left; returns how many exchanges are still open."""
        with self._exchanges or Exchanges(self._rules) as exchanges:
            exchanges.add(self.left())
            return exchanges.settle()

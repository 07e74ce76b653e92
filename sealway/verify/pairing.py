"""Answers and what they answer: each `ref` must name an open request, each exchange ends once.

Memory grows with the exchanges that are open at one time, not with all there were; with several
traffic logs also with those that ended, because an answer may stand in another log. Answers that
went to their consumers' mailboxes are remembered until they are confirmed.
"""

from dataclasses import dataclass
from typing import Final

from registry.directory import Directory
from sealway.verify.findings import Code, Findings
from signing.encoding import b64url_decode, b64url_encode
from signing.log.leaf import Leaf

ENDS: Final = frozenset({"response", "rejection", "cancel", "expired"})
DURING: Final = frozenset({"interim", "delivered", "dead"})
DELIVERY: Final = frozenset({"delivered", "dead"})
"""What the bus states of a delivery: a request's, or an answer's in its consumer's mailbox."""
_MIRRORED: Final = frozenset({"response", "rejection", "interim"})


def collects(directory: Directory, consumer: str | None) -> bool:
    """Whether answers to a consumer came to its mailbox, under this directory."""
    system = None if consumer is None else directory.system(consumer)
    return system is not None and system.answers == "mailbox"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's leaf, or a boxed answer's, and its row as far as it is known."""

    leaf: Leaf
    shard: int
    index: int
    id: bytes
    digest: bytes


@dataclass(slots=True)
class Answering:
    """A leaf that is about an exchange, and what its envelope or record names, once it is open."""

    leaf: Leaf
    shard: int
    index: int
    asked: Asked | None = None
    """The request, when it was met before: in this log, or in one that was read before it."""
    names: tuple[bytes, str] | None = None
    """Id and digest of the request, as the envelope says; without an envelope the id alone."""
    is_open: bool = False
    """Whether ``names`` is known at all."""


class Pairing:
    """Follows exchanges through the logs; an answer may stand in another log than its request."""

    def __init__(
        self, findings: Findings, *, several: bool, partial: bool = False, outside: bool = False
    ) -> None:
        """``partial``: not every act is here. ``outside``: nor every leaf, from the beginning."""
        self._findings = findings
        self._partial = partial
        self._outside = outside
        self._several = several
        self._open: dict[bytes, Asked] = {}
        self._ended: dict[bytes, Asked] = {}
        self._boxed: dict[bytes, Asked] = {}
        """Answers in their consumers' mailboxes, until their confirmation was met."""
        self._early: list[tuple[bytes, Answering]] = []
        """Those whose request stands in a log that was not read yet."""

    def ask(self, hash_: bytes, asked: Asked) -> None:
        """A request's leaf."""
        self._open[hash_] = asked

    def box(self, hash_: bytes, answer: Asked) -> None:
        """An answer's leaf that its consumer may confirm, as a provider confirms a request's."""
        self._boxed[hash_] = answer

    def answer(self, leaf: Leaf, shard: int, index: int) -> Answering | None:
        """What a leaf is about; None for a leaf that is about no exchange, or about none at all."""
        if leaf.k not in ENDS and leaf.k not in DURING:
            return None
        answering = Answering(leaf, shard, index)
        if leaf.ref is None:
            self._unpaired(answering)
            return None
        ref = b64url_decode(leaf.ref)
        answering.asked = self._open.get(ref) or self._collected(leaf, ref)
        if answering.asked is None:
            if not self._several:
                self._unpaired(answering)
                return None
            self._early.append((ref, answering))
            return answering
        self._check(answering, answering.asked)
        if leaf.k in ENDS:
            self._end(ref)
        return answering

    def names(self, answering: Answering, named: tuple[bytes, str] | None) -> None:
        """What its envelope (id and digest) or its record (id, "") says it is about."""
        answering.names, answering.is_open = named, True
        if answering.asked is not None:
            self._check_names(answering, answering.asked)

    def _collected(self, leaf: Leaf, ref: bytes) -> Asked | None:
        """The answer whose delivery a leaf is about; one confirmation is all there can be."""
        if leaf.k not in DELIVERY:
            return None
        return self._boxed.pop(ref, None) if leaf.k == "delivered" else self._boxed.get(ref)

    def _end(self, ref: bytes) -> None:
        asked = self._open.pop(ref)
        if self._several:
            self._ended[ref] = asked

    def finish(self) -> int:
        """Settle what was met too early; returns how many exchanges are still open."""
        for ref, answering in self._early:
            asked, kind = self._open.get(ref), answering.leaf.k
            if asked is None and kind not in ENDS:
                asked = self._ended.get(ref) or self._collected(answering.leaf, ref)
            if asked is None:
                self._unpaired(answering)
                continue
            self._check(answering, asked)
            if answering.is_open:
                self._check_names(answering, asked)
            if kind in ENDS:
                self._end(ref)
        self._early = []
        return len(self._open)

    def _check(self, answering: Answering, asked: Asked) -> None:
        leaf, request = answering.leaf, asked.leaf
        story = (leaf.sender, leaf.to, leaf.svc, leaf.test)
        mirrored = (request.to, request.sender, request.svc, request.test)
        if leaf.k in _MIRRORED and story != mirrored:
            text = f"The {leaf.k} names other parties, service or flag than its request."
            self._findings.add(Code.ANSWER_DIFFERS, text, answering.shard, answering.index)
        if leaf.reg < request.reg:
            text = (
                f"The {leaf.k} names directory version {leaf.reg}, its request {request.reg}:"
                " it can't have been accepted before it."
            )
            self._findings.add(Code.VERSION_WRONG, text, answering.shard, answering.index)

    def _check_names(self, answering: Answering, asked: Asked) -> None:
        named = answering.names
        if self._partial and not asked.id:
            return  # the request's own act is not here
        digest = b64url_encode(asked.digest)
        if named is None or named[0] != asked.id or named[1] not in ("", digest):
            code = Code.ANSWER_DIFFERS if named is None or named[1] else Code.RECORD_DIFFERS
            text = "What it says is about another request than its leaf."
            self._findings.add(code, text, answering.shard, answering.index)

    def _unpaired(self, answering: Answering) -> None:
        text, code = f"The {answering.leaf.k} answers no open request.", Code.ANSWER_UNPAIRED
        if self._outside:
            text = f"What this {answering.leaf.k} answers is not in the range; choose a longer one."
            code = Code.REQUEST_OUTSIDE
        self._findings.add(code, text, answering.shard, answering.index)

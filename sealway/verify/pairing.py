"""Answers and what they answer: each `ref` must name an open request, each exchange ends once.

Memory grows with the exchanges that are open at one time, not with all there were; with several
traffic logs also with those that ended, because an answer may stand in another log.
"""

from dataclasses import dataclass
from typing import Final

from sealway.verify.findings import Code, Findings
from signing.encoding import b64url_decode
from signing.log.leaf import Leaf

ENDS: Final = frozenset({"response", "rejection", "cancel", "expired"})
DURING: Final = frozenset({"interim", "delivered", "dead"})
_MIRRORED: Final = frozenset({"response", "rejection", "interim"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's leaf, and its row as far as it is known."""

    leaf: Leaf
    shard: int
    index: int
    id: bytes
    digest: bytes


class Pairing:
    """Follows exchanges through the logs."""

    def __init__(self, findings: Findings, *, several: bool) -> None:
        self._findings = findings
        self._several = several
        self._open: dict[bytes, Asked] = {}
        self._ended: set[bytes] = set()
        self._early: list[tuple[bytes, Leaf, int, int]] = []
        """Leaves whose request stands in a log that was not read yet."""

    def ask(self, hash_: bytes, asked: Asked) -> None:
        """A request's leaf."""
        self._open[hash_] = asked

    def answer(self, leaf: Leaf, shard: int, index: int) -> Asked | None:
        """The request that a leaf is about; None when it is not known (yet)."""
        if leaf.k not in ENDS and leaf.k not in DURING:
            return None
        if leaf.ref is None:
            self._unpaired(leaf, shard, index)
            return None
        ref = b64url_decode(leaf.ref)
        asked = self._open.get(ref)
        if asked is None:
            if self._several:
                self._early.append((ref, leaf, shard, index))
            else:
                self._unpaired(leaf, shard, index)
            return None
        self._check(leaf, asked, shard, index)
        if leaf.k in ENDS:
            self._end(ref)
        return asked

    def _end(self, ref: bytes) -> None:
        del self._open[ref]
        if self._several:
            self._ended.add(ref)

    def finish(self) -> int:
        """Settle what was met too early; returns how many exchanges are still open."""
        for ref, leaf, shard, index in self._early:
            asked = self._open.get(ref)
            if asked is not None:
                self._check(leaf, asked, shard, index)
                if leaf.k in ENDS:
                    self._end(ref)
            elif leaf.k in ENDS or ref not in self._ended:
                self._unpaired(leaf, shard, index)
        self._early = []
        return len(self._open)

    def _check(self, leaf: Leaf, asked: Asked, shard: int, index: int) -> None:
        request = asked.leaf
        story = (leaf.sender, leaf.to, leaf.svc, leaf.test)
        mirrored = (request.to, request.sender, request.svc, request.test)
        if leaf.k in _MIRRORED and story != mirrored:
            text = f"The {leaf.k} names other parties, service or flag than its request."
            self._findings.add(Code.ANSWER_DIFFERS, text, shard, index)

    def _unpaired(self, leaf: Leaf, shard: int, index: int) -> None:
        text = f"The {leaf.k} answers no open request."
        self._findings.add(Code.ANSWER_UNPAIRED, text, shard, index)

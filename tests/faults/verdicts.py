"""The judgement: from what was sent, what the bus says now, and what the log holds. Pure.

``lost``: a receipt without its message, a proof that doesn't hold any more, a question that nobody
delivers. ``double``: a message with two places, an exchange with two answers, a call made twice
that must be made once. ``false``: anything else that must not be.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Sort = Literal["lost", "double", "false"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must not be."""

    sort: Sort
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt as it was given, verified at the time of checking: or why it doesn't hold."""

    id: str
    index: int = -1
    leaf_hash: bytes = b""
    size: int = 0
    root: bytes = b""
    broken: str | None = None


@dataclass(slots=True)
class Sent:
    """One message as its sender knows it."""

    id: str
    service: str
    once: bool = False
    receipts: list[Proof] = field(default_factory=list)
    answers: list[Proof] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether its sender got an outcome."""
        return bool(self.receipts or self.answers or self.refused)


@dataclass(frozen=True, slots=True)
class Found:
    """One message as the bus tells it now; ``trouble`` is a refusal or a proof that failed."""

    state: str = ""
    stuck: bool = False
    same: bool = False
    """The message the bus keeps is byte for byte the one sent."""
    request: Proof | None = None
    answer: Proof | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class LogLeaf:
    """A leaf of the traffic log."""

    kind: str
    hash: bytes
    ref: bytes | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """The traffic log of the copied data: its leaves, and its root at each size asked for."""

    leaves: list[LogLeaf]
    roots: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class History:
    """Everything the judgement rests on; calls are counted by the providers themselves."""

    sent: Mapping[str, Sent]
    found: Mapping[str, Found]
    calls: Mapping[str, int]
    log: Log
    audit: str | None = None
    """What `sealway audit verify` objected to."""


def judge(history: History) -> list[Problem]:
    """Every problem."""
    return [
        *_messages(history),
        *_places(history),
        *_log(history),
        *_calls(history),
        *([Problem("false", "audit", history.audit)] if history.audit else []),
    ]


def _messages(history: History) -> Iterator[Problem]:
    for id_, sent in history.sent.items():
        if not sent.is_done:
            yield Problem("lost", id_, "its sender never got an outcome")
        for text in sent.refused:
            yield Problem("false", id_, f"refused: {text}")
        found = history.found.get(id_, Found(trouble="not asked for"))
        if found.trouble is not None:
            yield Problem("lost", id_, found.trouble)
        elif not found.same:
            yield Problem("lost", id_, "the bus keeps another message than was sent")
        elif not _has_ended(sent, found):
            yield Problem("lost", id_, f"never delivered: {found.state}")


def _has_ended(sent: Sent, found: Found) -> bool:
    """Answered; or kept for a person, when nobody can know whether it was done."""
    return found.state == "answered" or (sent.once and found.state == "open" and found.stuck)


def _proofs(sent: Sent, found: Found) -> tuple[list[Proof], list[Proof]]:
    requests = [*sent.receipts, *([found.request] if found.request else [])]
    answers = [*sent.answers, *([found.answer] if found.answer else [])]
    return requests, answers


def _places(history: History) -> Iterator[Problem]:
    log = history.log
    for id_, sent in history.sent.items():
        groups = _proofs(sent, history.found.get(id_, Found()))
        for what, proofs in zip(("message", "answer"), groups, strict=True):
            for proof in proofs:
                if (text := _objection(proof, log)) is not None:
                    yield Problem("lost", id_, f"{what}: {text}")
            whole = [proof for proof in proofs if proof.broken is None]
            if len({proof.index for proof in whole}) > 1:
                yield Problem("double", id_, f"the {what} has two places in the log")
            if len({proof.id for proof in whole}) > 1:
                yield Problem("double", id_, f"two different {what}s were given out")


def _objection(proof: Proof, log: Log) -> str | None:
    if proof.broken is not None:
        return f"the receipt doesn't hold: {proof.broken}"
    if proof.index >= len(log.leaves) or log.leaves[proof.index].hash != proof.leaf_hash:
        return "the leaf of its receipt is not in the log"
    if log.roots.get(proof.size) != proof.root:
        return "the log is not the one that its receipt was signed over"
    return None


def _log(history: History) -> Iterator[Problem]:
    leaves = history.log.leaves
    requests = {leaf.hash for leaf in leaves if leaf.kind == "request"}
    told = sum(leaf.kind == "request" for leaf in leaves)
    if told > len(history.sent):
        yield Problem("double", "log", f"{told} requests for {len(history.sent)} messages")
    if told < len(history.sent):
        yield Problem("lost", "log", f"{told} requests for {len(history.sent)} messages")
    ends = Counter(leaf.ref for leaf in leaves if leaf.kind in ("response", "rejection"))
    for ref, count in ends.items():
        if count > 1:
            yield Problem("double", "log", "two answers to one request")
        if ref not in requests:
            yield Problem("false", "log", "an answer to nothing")


def _calls(history: History) -> Iterator[Problem]:
    for id_, count in history.calls.items():
        sent = history.sent.get(id_)
        if sent is None:
            yield Problem("false", id_, "a provider was asked what nobody sent")
        elif sent.once and count > 1:
            yield Problem("double", id_, f"called {count} times, though never to be repeated")

"""What a run's judgement rests on, as plain values: who sent what, what was seen, what is there.

Times are seconds of the machine's monotonic clock, as in journals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Sort = Literal["lost", "double", "fork", "false"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must not be."""

    sort: Sort
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt as it was given, verified under its log's key: or why it doesn't hold."""

    id: str
    at: float = 0.0
    origin: str = ""
    index: int = -1
    leaf_hash: bytes = b""
    reg: int = 0
    size: int = 0
    root: bytes = b""
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The bus's no to a message."""

    at: float
    code: str
    detail: str = ""


@dataclass(slots=True)
class Sent:
    """One message as its sender knows it."""

    id: str
    service: str
    made_at: float = 0.0
    receipts: list[Proof] = field(default_factory=list)
    answers: list[Proof] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    is_given_up: bool = False
    """Its sender stopped asking, not knowing."""

    @property
    def is_receipted(self) -> bool:
        """Whether its sender holds proof that the bus took it."""
        return bool(self.receipts or self.answers)


@dataclass(frozen=True, slots=True)
class Found:
    """One message as the bus tells it after the run."""

    is_there: bool = True
    state: str = ""
    stuck: bool = False
    same: bool | None = None
    """The message the bus keeps is byte for byte the one sent; None: not looked at."""
    request: Proof | None = None
    answer: Proof | None = None
    is_unproven: bool = False
    """The bus can give no receipt: nobody signs for a log of which an older copy came back."""
    trouble: str | None = None
    """A refusal to tell, or a proof that failed."""


@dataclass(frozen=True, slots=True)
class LogLeaf:
    """A leaf of a log."""

    kind: str
    hash: bytes
    reg: int
    ref: bytes | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """One log as it is there after the run: its leaves, and its root at each size asked for."""

    leaves: Sequence[LogLeaf]
    roots: Mapping[int, bytes]

    @property
    def size(self) -> int:
        """How many leaves."""
        return len(self.leaves)


@dataclass(frozen=True, slots=True)
class Seen:
    """A signed checkpoint that somebody was shown; ``broken`` says why it isn't the log's."""

    origin: str
    size: int
    root: bytes
    at: float
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """An older copy was put back: made at one moment, in the place of the data at another."""

    copied_at: float
    restored_at: float
    at: float
    """When everybody was up again on the older data."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A grant that was away: the calls that withdrew it and gave another, and their versions.

    A version of 0 is not known: the reply that told it was lost.
    """

    service: str
    began: float
    in_force: float
    version: int
    again_began: float
    again_in_force: float
    again_version: int


@dataclass(frozen=True, slots=True)
class History:
    """Everything the judgement rests on; calls and effects are counted by the providers."""

    sent: Mapping[str, Sent]
    found: Mapping[str, Found]
    logs: Mapping[str, Log]
    seen: Sequence[Seen] = ()
    restored: Sequence[Restored] = ()
    withdrawals: Sequence[Withdrawal] = ()
    calls: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By message, the moments at which a department was called."""
    effects: Mapping[str, int] = field(default_factory=dict)
    """By message, how often a department acted on it."""
    calm_s: Sequence[float] = ()
    """How long measured services took while nobody disturbed."""
    disturbed_s: Sequence[float] = ()
    """The same while others were slow, failed and hung."""
    audit: str | None = None
    """What `sealway audit verify` objected to."""

    def forgotten(self, first: float, second: float) -> bool:
        """Whether what was written at the first moment was gone from the database at the second."""
        return any(
            one.copied_at < first < one.restored_at and second > one.restored_at
            for one in self.restored
        )

    def is_shown_lost(self, proof: Proof) -> bool:
        """Whether a receipt proves by itself that the database was put back.

        It holds under its log's key, its checkpoint is ahead of the log that is there, its leaf
        is not in it, and it was given before the copy came into the data's place.
        """
        log = self.logs.get(proof.origin)
        size = 0 if log is None else log.size
        is_ahead = proof.broken is None and proof.size > size and proof.index >= size
        return is_ahead and any(proof.at < one.at for one in self.restored)

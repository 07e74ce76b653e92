"""What the verifier finds: stable codes, a place, one sentence; and how much each weighs.

Owns the list of codes. A code is for ever: scripts and reports of auditors rest on it.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sealway.verify.names import log_name

LISTED_MAX: Final = 100  # findings kept for each code; the rest is counted


class Weight(StrEnum):
    """What a finding does to the verdict."""

    FALSE = "false"
    """Something is not what it must be: exit 1."""
    INCOMPLETE = "incomplete"
    """Something can't be decided with what is at hand: exit 2."""
    NOTICE = "notice"
    """Worth knowing; the verdict stays."""


class Code(StrEnum):
    """Every kind of finding."""

    # --- the database -------------------------------------------------------------------------
    DATABASE_UNREADABLE = "database-unreadable"
    BUS_DIFFERS = "bus-differs"
    ROW_MALFORMED = "row-malformed"
    ROW_MISSING = "row-missing"
    ROW_WITHOUT_LEAF = "row-without-leaf"
    MESSAGE_RETIRED = "message-retired"
    # --- trees --------------------------------------------------------------------------------
    LOG_MISSING = "log-missing"
    LOG_KEY_MISSING = "log-key-missing"
    LOG_UNLISTED = "log-unlisted"
    LOG_GAP = "log-gap"
    LOG_TRUNCATED = "log-truncated"
    LOG_ROLLED_BACK = "log-rolled-back"
    LOG_CLOSED = "log-closed"
    GROUP_MALFORMED = "group-malformed"
    HEAD_DIFFERS = "head-differs"
    TILE_ALTERED = "tile-altered"
    TILE_MISSING = "tile-missing"
    TILE_UNEXPECTED = "tile-unexpected"
    # --- checkpoints --------------------------------------------------------------------------
    LOG_KEY_OTHER = "log-key-other"
    CHECKPOINT_FORGED = "checkpoint-forged"
    CHECKPOINT_MALFORMED = "checkpoint-malformed"
    CHECKPOINT_DIFFERS = "checkpoint-differs"
    CHECKPOINT_MISSING = "checkpoint-missing"
    TAIL_UNSIGNED = "tail-unsigned"
    RECEIPT_INVALID = "receipt-invalid"
    # --- leaves -------------------------------------------------------------------------------
    LEAF_MALFORMED = "leaf-malformed"
    LEAF_MISPLACED = "leaf-misplaced"
    LEAF_ALTERED = "leaf-altered"
    LEAF_MOVED = "leaf-moved"
    TIME_RUNS_BACK = "time-runs-back"
    VERSION_WRONG = "version-wrong"
    # --- records and the directory ------------------------------------------------------------
    RECORD_ALTERED = "record-altered"
    RECORD_FORGED = "record-forged"
    RECORD_MALFORMED = "record-malformed"
    RECORD_DIFFERS = "record-differs"
    FIRST_LEAVES = "first-leaves"
    DIRECTORY_BROKEN = "directory-broken"
    SIGNED_CHANGE_FORGED = "signed-change-forged"
    DIRECTORY_VERSION_DIFFERS = "directory-version-differs"
    DIRECTORY_OBJECT_DIFFERS = "directory-object-differs"
    HEADS_MALFORMED = "heads-malformed"
    HEADS_UNLISTED = "heads-unlisted"
    HEADS_INCOMPLETE = "heads-incomplete"
    HEADS_SHRINK = "heads-shrink"
    HEADS_DIFFER = "heads-differ"
    HEADS_GAP = "heads-gap"
    TAIL_UNANCHORED = "tail-unanchored"
    # --- messages -----------------------------------------------------------------------------
    ANSWER_UNPAIRED = "answer-unpaired"
    ANSWER_DIFFERS = "answer-differs"
    SENDER_NOT_STANDING = "sender-not-standing"
    GRANT_NOT_IN_FORCE = "grant-not-in-force"
    ENVELOPES_NOT_READABLE = "envelopes-not-readable"
    EPOCH_KEY_MISSING = "epoch-key-missing"
    EPOCH_KEY_WRONG = "epoch-key-wrong"
    ERASED = "erased"
    ENVELOPE_UNOPENABLE = "envelope-unopenable"
    ENVELOPE_ALTERED = "envelope-altered"
    ENVELOPE_MALFORMED = "envelope-malformed"
    ENVELOPE_UNSUPPORTED = "envelope-unsupported"
    ENVELOPE_FORGED = "envelope-forged"
    CERTIFICATE_NOT_IN_FORCE = "certificate-not-in-force"
    STORY_DIFFERS = "story-differs"
    CONTENT_UNOPENABLE = "content-unopenable"
    PARTS_DIFFER = "parts-differ"
    TIME_OUTSIDE_HEADS = "time-outside-heads"
    # --- evidence bundles ---------------------------------------------------------------------
    BUNDLE_MALFORMED = "bundle-malformed"
    BUNDLE_FILE_DIFFERS = "bundle-file-differs"
    BUNDLE_FILE_UNEXPECTED = "bundle-file-unexpected"
    INVENTORY_FORGED = "inventory-forged"
    RANGE_DIFFERS = "range-differs"
    LEAF_HIDDEN = "leaf-hidden"
    ACT_MISSING = "act-missing"
    ACT_UNEXPECTED = "act-unexpected"
    ACT_GONE = "act-gone"
    CONTENT_LEFT_OUT = "content-left-out"
    REQUEST_OUTSIDE = "request-outside"
    PAYLOAD_INVALID = "payload-invalid"
    SCHEMA_NOT_READABLE = "schema-not-readable"
    ALGORITHM_NOT_TRUSTED = "algorithm-not-trusted"
    CERTIFICATE_NOT_ISSUED = "certificate-not-issued"
    NOT_ANCHORED = "not-anchored"
    NOT_WITNESSED = "not-witnessed"
    NOT_STAMPED = "not-stamped"
    TIMESTAMP_NOT_TRUSTED = "timestamp-not-trusted"
    TIMESTAMP_FORGED = "timestamp-forged"
    COSIGNATURE_FORGED = "cosignature-forged"
    LOG_FORKED = "log-forked"
    DISPUTED = "disputed"


_INCOMPLETE: Final = frozenset(
    {
        Code.DATABASE_UNREADABLE,
        Code.LOG_KEY_MISSING,
        Code.LOG_ROLLED_BACK,
        Code.MESSAGE_RETIRED,
        Code.CHECKPOINT_MISSING,
        Code.TAIL_UNSIGNED,
        Code.TAIL_UNANCHORED,
        Code.ENVELOPES_NOT_READABLE,
        Code.EPOCH_KEY_MISSING,
        Code.EPOCH_KEY_WRONG,
        Code.ERASED,
        Code.ENVELOPE_UNSUPPORTED,
        Code.ACT_GONE,
        Code.CONTENT_LEFT_OUT,
        Code.REQUEST_OUTSIDE,
        Code.SCHEMA_NOT_READABLE,
        Code.ALGORITHM_NOT_TRUSTED,
        Code.CERTIFICATE_NOT_ISSUED,
        Code.NOT_ANCHORED,
        Code.NOT_WITNESSED,
        Code.NOT_STAMPED,
        Code.TIMESTAMP_NOT_TRUSTED,
        Code.DISPUTED,
    }
)


def weight_of(code: Code) -> Weight:
    """How much a finding of this code weighs."""
    if code in _INCOMPLETE:
        return Weight.INCOMPLETE
    return Weight.NOTICE if code is Code.HEADS_GAP else Weight.FALSE


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, undecided or worth knowing, and where."""

    code: Code
    text: str
    log: int | None = None
    index: int | None = None

    @property
    def weight(self) -> Weight:
        """What it does to the verdict."""
        return weight_of(self.code)

    @property
    def place(self) -> str:
        """``log 1, index 42``, as far as it is known."""
        if self.log is None:
            return ""
        name = f"log {log_name(self.log)}"
        return name if self.index is None else f"{name}, index {self.index}"


class Findings:
    """Collects findings; memory is bounded: of each code the first `LISTED_MAX` are kept."""

    def __init__(self) -> None:
        self.listed: list[Finding] = []
        self.counts: Counter[Code] = Counter()
        self._weights: dict[int, set[Weight]] = {}

    def add(self, code: Code, text: str, log: int | None = None, index: int | None = None) -> None:
        """Note one finding."""
        self.counts[code] += 1
        if log is not None:
            self._weights.setdefault(log, set()).add(weight_of(code))
        if self.counts[code] <= LISTED_MAX:
            self.listed.append(Finding(code, text, log, index))

    def add_times(self, code: Code, log: int, indexes: range) -> None:
        """Note the same at each of these places, without a text."""
        listed = min(len(indexes), max(0, LISTED_MAX - self.counts[code]))
        for index in indexes[:listed]:
            self.add(code, "", log, index)
        self.counts[code] += len(indexes) - listed

    def absorb(self, other: "Findings") -> None:
        """Take over what was found elsewhere, as if it was found here after the rest."""
        room = {code: max(0, LISTED_MAX - self.counts[code]) for code in other.counts}
        for one in other.listed:
            if room[one.code]:
                room[one.code] -= 1
                self.listed.append(one)
        self.counts += other.counts
        for log, weights in other._weights.items():
            self._weights.setdefault(log, set()).update(weights)

    def of_log(self, log: int) -> frozenset[Weight]:
        """The weights of what was found in one log."""
        return frozenset(self._weights.get(log, ()))

    def has(self, weight: Weight) -> bool:
        """Whether anything of this weight was found."""
        return any(weight_of(code) is weight for code in self.counts)

    def count(self, weight: Weight) -> int:
        """How many findings of this weight."""
        return sum(n for code, n in self.counts.items() if weight_of(code) is weight)

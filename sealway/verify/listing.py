"""What log 0 says about the other logs: which there are, their keys, and how far they had come.

Invariant: a log is known by a `shard` record of log 0 alone; heads only ever grow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sealway.verify.findings import Code, Findings
from sealway.verify.names import NUMBER_MAX, origin_of
from signing.encoding import b64_decode
from signing.errors import EncodingInvalid, ProofInvalid
from signing.log.leaf import Leaf
from signing.log.merkle import EMPTY_ROOT, HASH_BYTES
from signing.log.note import NoteVerifier, parse_verifier_key
from signing.records import Record

HEADS_GAP_MS: Final = 300_000  # log.md: gaps over 5 min are reported
_AFTER: Final = frozenset({("frozen", "frozen"), ("closed", "frozen")})
"""What may still be said of a log that ended: the new state, the one before."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A log's size and root in a heads record; ``version`` is the directory's, then."""

    size: int
    root: bytes
    index: int
    version: int
    ts_ms: int = 0


@dataclass(slots=True)
class ListedLog:
    """A log that log 0 opened."""

    n: int
    origin: str
    verifier: NoteVerifier
    anchors: list[Anchor] = field(default_factory=list)
    """Growing; of heads records that repeat each other two are kept: the second says that the
    first was committed before it was read."""
    ended: Anchor | None = None
    """Size and root after which nothing counts, once a record said so."""
    state: str = "open"
    """As the last record says: open; frozen, when the database was behind its signature; closed."""
    left: bool = False
    """Log 0 was succeeded while this one was open: nobody writes it any more."""

    @property
    def is_expected(self) -> bool:
        """Whether heads must name it."""
        return self.ended is None and not self.left

    def anchors_for(self, size: int) -> list[Anchor]:
        """What vouches for a stored log of ``size``: where a log was frozen, more was signed."""
        ended = self.ended if self.state == "frozen" else None
        if ended is None or ended.size > size or ended in self.anchors:
            return self.anchors
        return sorted([*self.anchors, ended], key=lambda one: one.size)

    def anchored(self, size: int) -> int:
        """How many of its leaves log 0 vouches for."""
        if self.ended is not None and self.ended.size <= size:
            return self.ended.size
        return min(self.last.size, size) if self.last else 0

    @property
    def last(self) -> Anchor | None:
        """The last anchored head."""
        return self.anchors[-1] if self.anchors else None


class Listing:
    """Folds the `shard` and `heads` records of log 0, in order."""

    def __init__(self, bus: str, findings: Findings) -> None:
        self.logs: dict[int, ListedLog] = {}
        self.heads = 0
        self.log = 0
        """The directory log that is being read: 0, or -1 … for a successor."""
        self._bus = bus
        self._findings = findings
        self._heads_ts_ms: int | None = None
        self._left_out: dict[int, tuple[int, int]] = {}
        """Open logs that heads left out, and where; one that is frozen next may be."""

    # --- shard records ------------------------------------------------------------------------

    def add_shard(self, record: Record, leaf: Leaf, index: int) -> None:
        """A log opened, changed hands or was closed."""
        try:
            self._add_shard(record, leaf, index)
        except (ProofInvalid, EncodingInvalid) as error:
            self._findings.add(Code.RECORD_MALFORMED, error.detail, self.log, index)

    def _add_shard(self, record: Record, leaf: Leaf, index: int) -> None:
        after = record.after
        if not isinstance(after, dict):
            raise ProofInvalid("The record of a log holds no object.")
        n, origin, state = after.get("n"), after.get("origin"), after.get("state")
        if type(n) is not int or not 1 <= n <= NUMBER_MAX or origin != origin_of(self._bus, n):
            raise ProofInvalid("The record of a log names none of this bus.")
        if record.key != origin or state not in ("open", "frozen", "closed"):
            raise ProofInvalid("The record of a log has another key or state than it may.")
        verifier = parse_verifier_key(_text(after.get("key")))
        known = self.logs.get(n)
        if verifier.name != origin or (known is not None and known.verifier != verifier):
            raise ProofInvalid("The record of a log gives it another name or key.")
        if known is not None and known.ended is not None and (state, known.state) not in _AFTER:
            raise ProofInvalid("A log that was closed is opened again.")
        if state == "open":
            self.logs.setdefault(n, ListedLog(n, origin, verifier))
        elif known is None:
            raise ProofInvalid("A log is closed that was never opened.")
        else:
            size, root = size_and_root(after)
            known.ended, known.state = Anchor(size, root, index, leaf.reg, leaf.ts_ms), str(state)
            self._left_out.pop(n, None)
            if state == "closed":
                self._grow(known, known.ended)

    def succeed(self) -> None:
        """This log 0 took the place of one before: what was open then is written no more."""
        for listed in self.logs.values():
            listed.left = True
        self._left_out.clear()

    def finish(self) -> None:
        """Whatever heads left out to the end."""
        for n in sorted(self._left_out):
            self._leaves_out(n)

    def _leaves_out(self, n: int) -> None:
        text = f"The heads leave out log {n}, which is open."
        self._findings.add(Code.HEADS_INCOMPLETE, text, *self._left_out.pop(n))

    # --- heads records ------------------------------------------------------------------------

    def add_heads(self, record: Record, leaf: Leaf, index: int) -> None:
        """The sizes and roots of all open logs."""
        self.heads += 1
        self._check_gap(leaf.ts_ms, index)
        after = record.after
        seen: set[int] = set()
        for entry in after if isinstance(after, list) else [None]:
            try:
                seen.add(self._add_head(entry, leaf, index))
            except (ProofInvalid, EncodingInvalid) as error:
                self._findings.add(Code.HEADS_MALFORMED, error.detail, self.log, index)
        for n, listed in self.logs.items():
            if n not in seen and listed.is_expected:
                self._left_out.setdefault(n, (self.log, index))
            elif n in self._left_out:
                self._leaves_out(n)

    def _add_head(self, entry: object, leaf: Leaf, index: int) -> int:
        if not isinstance(entry, dict) or entry.keys() != {"n", "size", "root"}:
            raise ProofInvalid("An entry of the heads does not have n, size and root.")
        n = entry["n"]
        if type(n) is not int:
            raise ProofInvalid("An entry of the heads names no log.")
        size, root = size_and_root(entry)
        listed = self.logs.get(n)
        if listed is None:
            text = f"The heads name log {n}, which log 0 did not open."
            self._findings.add(Code.HEADS_UNLISTED, text, self.log, index)
            return n
        self._grow(listed, Anchor(size, root, index, leaf.reg, leaf.ts_ms))
        return n

    def _grow(self, listed: ListedLog, anchor: Anchor) -> None:
        last = listed.last
        if last is None:
            listed.anchors.append(anchor)
        elif anchor.size < last.size:
            text = f"Log {listed.n} had {last.size} leaves before; the heads now say {anchor.size}."
            self._findings.add(Code.HEADS_SHRINK, text, self.log, anchor.index)
        elif anchor.size == last.size and anchor.root != last.root:
            text = f"The heads give log {listed.n} two roots of one size."
            self._findings.add(Code.HEADS_DIFFER, text, self.log, anchor.index)
        elif any(_differ(anchor, one) for one in listed.anchors[-2:]) or last is listed.anchors[0]:
            listed.anchors.append(anchor)

    def _check_gap(self, ts_ms: int, index: int) -> None:
        before, self._heads_ts_ms = self._heads_ts_ms, ts_ms
        if before is not None and ts_ms - before > HEADS_GAP_MS:
            seconds = (ts_ms - before) // 1000
            text = f"No heads for {seconds} s before these: nothing orders that time from outside."
            self._findings.add(Code.HEADS_GAP, text, self.log, index)


def _differ(anchor: Anchor, other: Anchor) -> bool:
    return (anchor.size, anchor.version) != (other.size, other.version)


def _text(value: object) -> str:
    if type(value) is not str:
        raise ProofInvalid("The record of a log holds no key.")
    return value


def size_and_root(members: Mapping[str, Any]) -> tuple[int, bytes]:
    """A size and its root from a record. Raises ProofInvalid, EncodingInvalid."""
    size, root64 = members.get("size"), members.get("root")
    if type(size) is not int or not 0 <= size < 2**53 or type(root64) is not str:
        raise ProofInvalid("A log's size or root is missing or of another type.")
    root = b64_decode(root64)
    if len(root) != HASH_BYTES or (size == 0) != (root == EMPTY_ROOT):
        raise ProofInvalid("A log's root does not have 32 bytes, or is not that of its size.")
    return size, root

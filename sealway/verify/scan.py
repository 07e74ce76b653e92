"""One pass over a log's stored leaves: its tree rebuilt, and held against everything stored of it.

Checks tiles, frontier, root, size, the signed checkpoint and the roots in heads. What the leaves
say is looked at in a second pass.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sealway.verify.checkpoints import SignedNote, check_root, read_note
from sealway.verify.database import Database
from sealway.verify.findings import Code, Findings
from sealway.verify.leaves import stored_leaves
from sealway.verify.listing import Anchor
from sealway.verify.tree import Proofs, StoredTiles, TreeBuilder
from signing.log.merkle import frontier_root
from signing.log.note import NoteVerifier

STRETCH_LEAVES: Final = 8_192
"""How many leaves are judged at one go: 32 tiles, so that memory is bounded and work is even."""

Step = Callable[[int], None]
"""Called with a number of leaves that were just worked through."""


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The row of a log, its columns of the right types."""

    shard: int
    origin: str
    state: str
    size: int
    root: bytes
    frontier: bytes
    last_ts_ms: int
    note: object
    note_size: object


_STATES = frozenset({"open", "frozen", "closed"})
_TYPES = (int, str, str, int, bytes, bytes, int)


def read_heads(database: Database, findings: Findings) -> dict[int, StoredHead]:
    """Every log's row, by number."""
    heads: dict[int, StoredHead] = {}
    for row in database.heads():
        shard = row[0] if type(row[0]) is int else None
        if tuple(map(type, row[:7])) != _TYPES or row[0] in heads or row[3] < 0:
            findings.add(Code.ROW_MALFORMED, "A log's row has columns of other types.", shard)
        else:
            heads[row[0]] = StoredHead(*row)
    return heads


@dataclass(frozen=True, slots=True)
class ScannedLog:
    """A log that was rebuilt: ``size`` leaves; ``signed`` of them under its checkpoint."""

    head: StoredHead
    size: int
    note: SignedNote | None
    proofs: Proofs | None
    """For leaves under the checkpoint; None when it does not hold."""
    roots: dict[int, bytes] = field(default_factory=dict)
    """Roots at the sizes that were asked for."""
    starts: list[int] = field(default_factory=list)
    """Where each stretch begins: the first leaf of the stored group that holds its first."""
    tiles_hold: bool = False
    """Whether the stored tiles are those of the leaves, all of them."""

    @property
    def signed(self) -> int:
        """How many leaves the checkpoint covers, when it holds."""
        return self.proofs.size if self.proofs is not None else 0


def scan_log(
    database: Database,
    head: StoredHead,
    verifier: NoteVerifier,
    anchors: Sequence[Anchor],
    findings: Findings,
    step: Step,
    also: Sequence[int] = (),
) -> ScannedLog:
    """Rebuild a log and note everything that does not fit. Raises DatabaseUnreadable.

    ``also``: further sizes whose roots are kept.
    """
    shard = head.shard
    note = read_note(head.note, head.note_size, shard, verifier, findings) if head.size else None
    cut = note.checkpoint.size if note else 0
    sizes = {head.size, *(anchor.size for anchor in anchors), *also}
    tiles = StoredTiles(database.tiles(shard), shard, findings)
    tree = TreeBuilder(sizes, cut, tiles)
    starts: list[int] = []
    first = 0
    for leaves in stored_leaves(database, shard, findings):
        end = first + len(leaves)
        while len(starts) * STRETCH_LEAVES < end:
            starts.append(first)
        first = end
        tree.add(leaves)
        step(len(leaves))
    frontier = tree.finish()
    _check_head(head, tree.size, frontier, findings)
    _check_anchors(anchors, tree.size, tree.roots, shard, findings)
    good = note is not None and check_root(note, tree.size, tree.roots, shard, findings)
    if good and cut < tree.size:
        text = f"Leaves from here on ({tree.size - cut}) are under no signed checkpoint yet."
        findings.add(Code.TAIL_UNSIGNED, text, shard, cut)
    proofs = Proofs(cut, tree.tile_roots, tree.cut_root) if good else None
    return ScannedLog(head, tree.size, note, proofs, tree.roots, starts, tiles.hold)


def _check_head(head: StoredHead, size: int, frontier: Sequence[bytes], findings: Findings) -> None:
    if head.state not in _STATES:
        findings.add(Code.HEAD_DIFFERS, "The log's row is in no known state.", head.shard)
    if head.size > size:
        text = f"The log's row says {head.size} leaves; {size} are there."
        findings.add(Code.LOG_TRUNCATED, text, head.shard, size)
    elif head.size < size:
        text = f"The log's row says {head.size} leaves; {size} are there."
        findings.add(Code.HEAD_DIFFERS, text, head.shard, head.size)
    elif head.root != frontier_root(frontier) or head.frontier != b"".join(frontier):
        text = "The stored root or frontier is not that of the leaves."
        findings.add(Code.HEAD_DIFFERS, text, head.shard)


def _check_anchors(
    anchors: Iterable[Anchor], size: int, roots: dict[int, bytes], shard: int, findings: Findings
) -> None:
    for anchor in anchors:
        where = f"The heads at index {anchor.index} of log 0"
        if anchor.size > size:
            text = f"{where} count {anchor.size} leaves; {size} are there."
            findings.add(Code.LOG_TRUNCATED, text, shard, size)
        elif roots[anchor.size] != anchor.root:
            text = f"{where} give another root for {anchor.size} leaves."
            findings.add(Code.HEADS_DIFFER, text, shard, anchor.size)

"""The Merkle tree of RFC 6962 section 2.1: hashes, roots, proofs, and the frontier.

A *frontier* is the compact form of a tree: the roots of its maximal full subtrees, largest first,
one for each bit set in the size. Pure arithmetic on bytes; nothing is stored here.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from signing.errors import ProofInvalid

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
PROOF_HASHES_MAX = 64

_sha256 = hashlib.sha256


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return _sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return _sha256(b"\x01" + left + right).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """`leaf_hash` of each."""
    return [_sha256(b"\x00" + leaf).digest() for leaf in leaves]


def parent_hashes(hashes: Sequence[bytes]) -> list[bytes]:
    """`node_hash` of each two neighbours; a last one without a neighbour has none."""
    step, joined = 2 * HASH_BYTES, b"".join(hashes)
    ends = range(step, len(joined) + 1, step)
    return [_sha256(b"\x01" + joined[end - step : end]).digest() for end in ends]


def frontier_root(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree whose frontier this is."""
    if not frontier:
        return EMPTY_ROOT
    root = frontier[-1]
    for subtree in reversed(frontier[:-1]):
        root = node_hash(subtree, root)
    return root


def append_leaf(frontier: list[bytes], size: int, hash_: bytes) -> list[tuple[int, int, bytes]]:
    """Grow ``frontier`` (of a tree of ``size``) in place by one leaf hash.

    Returns every subtree that became full, as ``(level, index, hash)``, the leaf first.
    """
    made = [(0, size, hash_)]
    level, index = 0, size
    while index & 1:
        hash_ = node_hash(frontier.pop(), hash_)
        level, index = level + 1, index >> 1
        made.append((level, index, hash_))
    frontier.append(hash_)
    return made


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """The root of the tree over these leaf hashes."""
    frontier: list[bytes] = []
    for size, hash_ in enumerate(hashes):
        append_leaf(frontier, size, hash_)
    return frontier_root(frontier)


NodeAt = Callable[[int, int], bytes]
"""Answers the hash of the full subtree at ``(level, index)``."""


def frontier_nodes(size: int) -> list[tuple[int, int]]:
    """``(level, index)`` of the maximal full subtrees of a tree of ``size``, largest first."""
    nodes, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            nodes.append((level, start >> level))
            start += 1 << level
    return nodes


def inclusion_proof(index: int, size: int, node_at: NodeAt) -> list[bytes]:
    """The audit path of leaf ``index`` in a tree of ``size`` (RFC 6962 section 2.1.1).

    Asks ``node_at`` only for full subtrees of that tree.
    """
    assert 0 <= index < size
    proof: list[bytes] = []
    nodes = frontier_nodes(size)
    at = next(i for i, (level, n) in enumerate(nodes) if n == index >> level)
    level, _ = nodes[at]
    for low in range(level):
        proof.append(node_at(low, (index >> low) ^ 1))
    if at + 1 < len(nodes):
        proof.append(frontier_root([node_at(*node) for node in nodes[at + 1 :]]))
    proof.extend(node_at(*node) for node in reversed(nodes[:at]))
    return proof


def verify_inclusion(
    hash_: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return when the leaf hash stands at ``index`` in the tree of ``size`` and ``root``.

    RFC 9162 section 2.1.3.2, which is RFC 6962's proof checked iteratively.

    Raises:
        ProofInvalid: it doesn't.
    """
    if not 0 <= index < size or len(proof) > PROOF_HASHES_MAX:
        raise ProofInvalid("The index lies outside the tree.")
    _check_hashes(proof)
    fn, sn, computed = index, size - 1, hash_
    for sibling in proof:
        if sn == 0:
            raise ProofInvalid("The inclusion proof is too long.")
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or computed != root:
        raise ProofInvalid("The inclusion proof does not lead to the checkpoint's root.")


def _check_hashes(proof: Sequence[bytes]) -> None:
    # Hashes of other lengths could be cut anew into the same bytes.
    if any(len(hash_) != HASH_BYTES for hash_ in proof):
        raise ProofInvalid("A hash of the proof has not 32 bytes.")


def consistency_proof(old: int, new: int, node_at: NodeAt) -> list[bytes]:
    """That the tree of ``new`` extends the tree of ``old`` (RFC 6962 section 2.1.2)."""
    assert 0 < old <= new
    return [] if old == new else _subproof(old, 0, new, node_at, whole=True)


def _subproof(old: int, start: int, end: int, node_at: NodeAt, whole: bool) -> list[bytes]:
    size = end - start
    if old == size:
        return [] if whole else [_range_root(start, end, node_at)]
    split = 1 << (size - 1).bit_length() - 1
    if old <= split:
        left = _subproof(old, start, start + split, node_at, whole)
        return [*left, _range_root(start + split, end, node_at)]
    right = _subproof(old - split, start + split, end, node_at, False)
    return [*right, _range_root(start, start + split, node_at)]


def _range_root(start: int, end: int, node_at: NodeAt) -> bytes:
    nodes = frontier_nodes(end - start)
    return frontier_root([node_at(level, n + (start >> level)) for level, n in nodes])


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return when the tree (new, new_root) extends (old, old_root) (RFC 9162 section 2.1.4.2).

    Raises:
        ProofInvalid: it doesn't.
    """
    if not 0 < old <= new or len(proof) > 2 * PROOF_HASHES_MAX:
        raise ProofInvalid("A consistency proof goes from a smaller tree to a larger one.")
    if old == new:
        if proof or old_root != new_root:
            raise ProofInvalid("Two trees of one size have different roots.")
        return
    _check_hashes(proof)
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofInvalid("The consistency proof is empty.")
    computed_old, computed_new = _walk_consistency(old, new, path)
    if computed_old != old_root or computed_new != new_root:
        raise ProofInvalid("The later tree does not extend the earlier one.")


def _walk_consistency(old: int, new: int, path: list[bytes]) -> tuple[bytes, bytes]:
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise ProofInvalid("The consistency proof is too long.")
        if fn & 1 or fn == sn:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ProofInvalid("The consistency proof is too short.")
    return first, second

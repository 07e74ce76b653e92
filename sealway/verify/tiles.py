"""Proofs from a log's published tiles, for whoever has a checkpoint and not the log.

Pure: fetching a tile is the caller's. Nothing fetched is believed: what comes out is a proof that
was checked against the checkpoints' roots, so a false tile makes it fail and can't make it pass.
A proof reads a few tiles, however long the log is.
"""

from collections.abc import Callable

from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint
from signing.log.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from signing.log.tiles import TilePlace, node_in_tile, tile_in, tile_of
from signing.receipts import parse_receipt

FetchTile = Callable[[TilePlace], bytes]
"""Gives a tile's bytes: at least as wide as asked for."""


class _Nodes:
    """The nodes of one tree, from tiles; each tile is fetched once."""

    def __init__(self, size: int, fetch: FetchTile) -> None:
        self._size = size
        self._fetch = fetch
        self._tiles: dict[TilePlace, bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        tile_level, number, first, count = tile_of(level, index)
        place = tile_in(tile_level, number, self._size)
        if place not in self._tiles:
            tile = self._fetch(place)
            if len(tile) < place.width * HASH_BYTES:
                raise ProofInvalid(f"{place.path} is shorter than its path says.")
            self._tiles[place] = tile
        return node_in_tile(self._tiles[place], first, count)


def prove_consistency(old: Checkpoint, new: Checkpoint, fetch: FetchTile) -> list[bytes]:
    """The checked proof that ``new`` extends ``old``, two checkpoints of one log.

    Empty from the empty tree, and between two trees that are the same.

    Raises:
        ProofInvalid: it doesn't, or the tiles don't show it.
    """
    if old.origin != new.origin:
        raise ProofInvalid("The two checkpoints are of different logs.")
    if old.size == 0:
        if old.root != EMPTY_ROOT:
            raise ProofInvalid("An empty tree has another root.")
        return []
    if old.size > new.size:
        raise ProofInvalid("A consistency proof goes from a smaller tree to a larger one.")
    proof = consistency_proof(old.size, new.size, _Nodes(new.size, fetch))
    verify_consistency(old.size, old.root, new.size, new.root, proof)
    return proof


def prove_inclusion(
    hash_: bytes, index: int, checkpoint: Checkpoint, fetch: FetchTile
) -> list[bytes]:
    """The checked proof that a leaf hash stands at ``index`` of the checkpoint's tree.

    Raises:
        ProofInvalid: it doesn't, or the tiles don't show it.
    """
    if not 0 <= index < checkpoint.size:
        raise ProofInvalid("The checkpoint does not cover the leaf.")
    proof = inclusion_proof(index, checkpoint.size, _Nodes(checkpoint.size, fetch))
    verify_inclusion(hash_, index, checkpoint.size, proof, checkpoint.root)
    return proof


def prove_receipt(text: str, checkpoint: Checkpoint, fetch: FetchTile) -> list[bytes]:
    """The checked proof that what a receipt proved is still there under a later checkpoint.

    The receipt itself is for `signing.receipts` to verify.

    Raises:
        ProofInvalid: another log's, or the leaf isn't at its place any more.
    """
    receipt = parse_receipt(text)
    if receipt.origin != checkpoint.origin:
        raise ProofInvalid("The receipt is of another log than the checkpoint.")
    return prove_inclusion(leaf_hash(receipt.leaf), receipt.index, checkpoint, fetch)

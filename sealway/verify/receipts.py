"""A receipt for each message, made from the rebuilt tree and verified as its holder would.

The checkpoint's signature is checked once a log. Of each 256 leaves one receipt goes all the way:
its text is made, parsed, and verified with that signature.
"""

from dataclasses import dataclass

from sealway.verify.checkpoints import SignedNote
from sealway.verify.envelopes import OpenedEnvelope
from sealway.verify.scan import ScannedLog
from sealway.verify.tree import Levels, path
from signing.log.leaf import Leaf
from signing.log.merkle import leaf_hash, verify_inclusion
from signing.log.note import NoteVerifier
from signing.log.tiles import TILE_WIDTH
from signing.receipts import encode_receipt, verify_message_receipt


@dataclass(slots=True)
class Tile:
    """256 leaves at hand, and what proves each of them."""

    first: int
    hashes: list[bytes]
    levels: Levels
    covered: int
    """How many of them the signed checkpoint covers."""
    above: list[bytes]
    sampled: bool = False


def tile_at(first: int, leaves: list[bytes], scanned: ScannedLog) -> Tile:
    """The tile of these leaves, from index ``first`` on."""
    hashes = [leaf_hash(leaf) for leaf in leaves]
    proofs = scanned.proofs
    if proofs is None or first >= proofs.size:
        return Tile(first, hashes, [], 0, [])
    number = first // TILE_WIDTH
    levels, covered = proofs.inside(number, hashes)
    return Tile(first, hashes, levels, covered, proofs.above(number))


def check_receipt(
    leaf: Leaf,
    hash_: bytes,
    index: int,
    tile: Tile,
    note: SignedNote | None,
    opened: OpenedEnvelope | None,
    verifier: NoteVerifier,
) -> bool:
    """Make and verify one receipt; False when no signed checkpoint covers the leaf.

    Raises:
        ProofInvalid: it does not hold.
    """
    offset = index - tile.first
    if offset >= tile.covered or note is None:
        return False
    checkpoint = note.checkpoint
    proof = path(tile.levels, offset, tile.covered, tile.above)
    verify_inclusion(hash_, index, checkpoint.size, proof, checkpoint.root)
    if opened is not None and not tile.sampled:
        tile.sampled = True
        text = encode_receipt(leaf.raw, opened.salt, index, tuple(proof), note.text)
        verify_message_receipt(text, opened.envelope, verifier)
    return True

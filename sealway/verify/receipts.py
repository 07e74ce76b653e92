"""A receipt for each message, held by the rebuilt tree, and made as its holder would verify it.

The scan hashed every leaf into its tile of 256 and every tile into the root that was signed, so
each leaf's path is there. Each tile's own root is followed up to the signed root once more. With
epoch keys one receipt of each tile goes all the way: its text is made, parsed, and verified.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sealway.verify.checkpoints import SignedNote
from sealway.verify.database import Database
from sealway.verify.envelopes import OpenedEnvelope
from sealway.verify.scan import ScannedLog
from sealway.verify.tree import Proofs, path
from signing.log.leaf import Leaf
from signing.log.merkle import HASH_BYTES, leaf_hashes
from signing.log.note import NoteVerifier
from signing.log.tiles import TILE_BYTES, TILE_WIDTH
from signing.receipts import encode_receipt, verify_message_receipt


@dataclass(slots=True)
class Tile:
    """Up to 256 leaves at hand, and what proves each of them."""

    first: int
    leaves: list[bytes]
    hashes: list[bytes]
    proofs: Proofs | None
    is_followed: bool = False
    is_sampled: bool = False

    def proves(self, index: int) -> bool:
        """Whether the signed checkpoint covers this leaf."""
        return self.proofs is not None and index < self.proofs.size

    @property
    def covered(self) -> int:
        """How many of its leaves the signed checkpoint covers."""
        past = min(
            self.proofs.size if self.proofs is not None else 0, self.first + len(self.leaves)
        )
        return max(0, past - self.first)

    def follow(self, note: SignedNote | None) -> None:
        """Follow the tile's root up to the signed one, once. Raises ProofInvalid."""
        if not self.is_followed and note is not None and self.proofs is not None:
            if self.first < self.proofs.size:
                self.proofs.check_tile(self.first // TILE_WIDTH, note.checkpoint.root)
            self.is_followed = True

    def sample(
        self,
        leaf: Leaf,
        index: int,
        opened: OpenedEnvelope | None,
        note: SignedNote | None,
        verifier: NoteVerifier,
    ) -> None:
        """Make and verify a receipt, once in each tile. Raises ProofInvalid: it does not hold."""
        self.follow(note)
        if opened is None or note is None or self.proofs is None or self.is_sampled:
            return
        if index < self.proofs.size:
            self.is_sampled = True
            number = self.first // TILE_WIDTH
            levels, covered = self.proofs.inside(number, self.hashes)
            proof = path(levels, index - self.first, covered, self.proofs.above(number))
            text = encode_receipt(leaf.raw, opened.salt, index, tuple(proof), note.text)
            verify_message_receipt(text, opened.envelope, verifier)


def tiles_of(
    database: Database, scanned: ScannedLog, first: int, tiles: Iterable[list[bytes]]
) -> Iterator[Tile]:
    """Leaves from index ``first`` on with their hashes, which need no second hashing when the
    scan found them to be those of the stored tiles. Raises DatabaseUnreadable."""
    number = first // TILE_WIDTH
    past = scanned.size // TILE_WIDTH if scanned.tiles_hold else number
    stored = database.leaf_hashes(scanned.head.shard, number, past) if number < past else iter(())
    for leaves in tiles:
        _, data = next(stored, (number, None)) if len(leaves) == TILE_WIDTH else (number, None)
        yield Tile(number * TILE_WIDTH, leaves, _hashes(data, leaves), scanned.proofs)
        number += 1


def _hashes(data: bytes | None, leaves: list[bytes]) -> list[bytes]:
    if data is None:
        return leaf_hashes(leaves)
    return [data[at : at + HASH_BYTES] for at in range(0, TILE_BYTES, HASH_BYTES)]

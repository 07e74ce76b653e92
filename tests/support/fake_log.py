"""A log in memory that really is a Merkle tree, for the fake bus."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519

from signing.log.checkpoint import Checkpoint, sign_checkpoint
from signing.log.merkle import inclusion_proof, leaf_hash, merkle_root
from signing.log.note import NoteSigner
from signing.receipts import encode_receipt


class FakeLog:
    """One Merkle log, whole in memory."""

    def __init__(self, origin: str) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        self.origin = origin
        self.signer = NoteSigner(origin, key)
        self.leaves: list[bytes] = []

    @property
    def verifier_key(self) -> str:
        return str(self.signer.verifier)

    def append(self, leaf: bytes) -> int:
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def receipt(self, index: int, salt: bytes) -> str:
        hashes = [leaf_hash(leaf) for leaf in self.leaves]
        size = len(hashes)
        path = tuple(
            inclusion_proof(index, size, lambda level, number: _node(hashes, level, number))
        )
        note = sign_checkpoint(Checkpoint(self.origin, size, merkle_root(hashes)), self.signer)
        return encode_receipt(self.leaves[index], salt, index, path, note)


def _node(hashes: list[bytes], level: int, number: int) -> bytes:
    return merkle_root(hashes[number << level : (number + 1) << level])

"""Receipts: proof that the bus took responsibility for a message (log.md, *Receipt*).

A receipt is a tlog-proof whose extra data holds the leaf and its salt, so that the holder
recomputes ``env`` from its own envelope. Verifying trusts one thing: the log's pinned key.
"""

import hmac
from dataclasses import dataclass

from signing.encoding import b64url_decode, b64url_encode
from signing.envelope import VerifiedEnvelope
from signing.errors import EncodingInvalid, JsonInvalid, ProofInvalid
from signing.log.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from signing.log.leaf import LEAF_SALT_BYTES, Leaf, commit_to, parse_leaf
from signing.log.merkle import leaf_hash, verify_inclusion
from signing.log.note import NoteVerifier, note_text
from signing.log.proof import LogProof, encode_proof, parse_proof
from signing.manifest import Manifest
from signing.strict_json import parse_json


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt taken apart; ``origin`` is claimed, and names the key to check it with."""

    leaf: bytes
    salt: bytes
    proof: LogProof
    origin: str

    @property
    def index(self) -> int:
        """The leaf's place in its log."""
        return self.proof.index


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A leaf that is proven to stand in a log, and to commit to the act it was checked with."""

    leaf: Leaf
    index: int
    checkpoint: Checkpoint
    text: str

    @property
    def log(self) -> str:
        """The log's origin."""
        return self.checkpoint.origin


def encode_receipt(
    leaf: bytes, salt: bytes, index: int, path: tuple[bytes, ...], checkpoint: str
) -> str:
    """A receipt's text; ``checkpoint`` is the signed note of a tree that covers ``index``."""
    extra = f'{{"leaf":"{b64url_encode(leaf)}","salt":"{b64url_encode(salt)}"}}'
    return encode_proof(LogProof(extra.encode("ascii"), index, path, checkpoint))


def parse_receipt(text: str) -> Receipt:
    """Take a receipt apart, nothing verified. Raises ProofInvalid."""
    proof = parse_proof(text)
    try:
        extra = parse_json(proof.extra, depth_max=1, bytes_max=4096)
        if type(extra) is not dict or extra.keys() != {"leaf", "salt"}:
            raise ProofInvalid("The receipt's extra data must have leaf and salt.")
        if not all(type(value) is str for value in extra.values()):
            raise ProofInvalid("The receipt's leaf and salt must be strings.")
        leaf = b64url_decode(extra["leaf"])
        salt = b64url_decode(extra["salt"], LEAF_SALT_BYTES)
    except (EncodingInvalid, JsonInvalid) as error:
        raise ProofInvalid("The receipt's leaf or salt is malformed.") from error
    return Receipt(leaf, salt, proof, parse_checkpoint(note_text(proof.checkpoint)).origin)


def verify_receipt(text: str, act: bytes, verifier: NoteVerifier) -> VerifiedReceipt:
    """Check a receipt for ``act``, the exact bytes of an envelope or record.

    Raises:
        ProofInvalid: malformed, for other bytes, not in the tree, or not this log's.
    """
    receipt = parse_receipt(text)
    leaf = parse_leaf(receipt.leaf)
    if not hmac.compare_digest(commit_to(receipt.salt, act), leaf.env):
        raise ProofInvalid("The receipt is for other bytes than these.")
    checkpoint = verify_checkpoint(receipt.proof.checkpoint, verifier)
    verify_inclusion(
        leaf_hash(receipt.leaf), receipt.index, checkpoint.size, receipt.proof.path, checkpoint.root
    )
    return VerifiedReceipt(leaf, receipt.index, checkpoint, text)


def verify_message_receipt(
    text: str, envelope: VerifiedEnvelope, verifier: NoteVerifier
) -> VerifiedReceipt:
    """Check that a receipt is the receipt of this message: bytes, kind, parties, service.

    Raises:
        ProofInvalid: as ``verify_receipt``, or the leaf tells another story than the envelope.
    """
    receipt = verify_receipt(text, envelope.raw, verifier)
    check_story(receipt.leaf, envelope.manifest)
    return receipt


def check_story(leaf: Leaf, manifest: Manifest) -> None:
    """Raises ProofInvalid: the leaf names another kind, party or service than the envelope."""
    said = (manifest.kind, manifest.sender, manifest.to, manifest.service, manifest.test)
    kept = (leaf.k, leaf.sender, leaf.to, leaf.svc, leaf.test)
    if said != kept:
        raise ProofInvalid("The receipt's leaf names another kind, party or service.")

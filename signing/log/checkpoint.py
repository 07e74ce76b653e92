"""Checkpoints (C2SP tlog-checkpoint): a log's size and root, signed by the log as a note."""

import re
from dataclasses import dataclass

from signing.encoding import b64_decode, b64_encode
from signing.errors import EncodingInvalid, ProofInvalid
from signing.log.merkle import HASH_BYTES
from signing.log.note import NoteSigner, NoteVerifier, verify_note

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: origin, number of leaves, root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text, without extension lines."""
        return f"{self.origin}\n{self.size}\n{b64_encode(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> str:
    """The checkpoint as a signed note. The signer's name must be the origin."""
    assert signer.verifier.name == checkpoint.origin
    return signer.sign(checkpoint.text)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a note's text as a checkpoint; extension lines are allowed and ignored.

    Raises:
        ProofInvalid: fewer than three lines, an empty one, a size or root that is malformed.
    """
    *lines, end = text.split("\n")
    if len(lines) < 3 or end or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise ProofInvalid("Expected a checkpoint: origin, size, root.")
    try:
        root = b64_decode(lines[2])
    except EncodingInvalid as error:
        raise ProofInvalid("The checkpoint's root is malformed.") from error
    if len(root) != HASH_BYTES:
        raise ProofInvalid("The checkpoint's root must be 32 bytes.")
    return Checkpoint(lines[0], int(lines[1]), root)


def verify_checkpoint(note: str, verifier: NoteVerifier) -> Checkpoint:
    """The checkpoint in a note that the log's own key signed.

    Raises:
        ProofInvalid: not signed by that key, or another log's origin.
    """
    checkpoint = parse_checkpoint(verify_note(note, verifier))
    if checkpoint.origin != verifier.name:
        raise ProofInvalid("The checkpoint's origin is not the log whose key signed it.")
    return checkpoint

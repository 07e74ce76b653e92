"""Stored checkpoint notes: whose signature they carry, and what they claim.

Tells apart a note by another key from a forged one: the first means that another key was pinned,
the second that somebody wrote here.
"""

from dataclasses import dataclass

from sealway.verify.findings import Code, Findings
from signing.encoding import b64_decode
from signing.errors import EncodingInvalid, ProofInvalid, SealwayError
from signing.log.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from signing.log.note import NoteVerifier, note_text


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note that the log's key signed."""

    text: str
    checkpoint: Checkpoint


def read_note(
    note: object, note_size: object, shard: int, verifier: NoteVerifier, findings: Findings
) -> SignedNote | None:
    """The stored note of a log, when its signature holds; None otherwise, with a finding."""
    if note is None:
        text = "No signed checkpoint of this log is stored, so nothing in it is proven."
        findings.add(Code.CHECKPOINT_MISSING, text, shard)
        return None
    if type(note) is not str:
        findings.add(Code.CHECKPOINT_MALFORMED, "The stored checkpoint is no text.", shard)
        return None
    try:
        checkpoint = verify_checkpoint(note, verifier)
    except SealwayError as error:
        findings.add(_why(note, verifier), error.detail, shard)
        return None
    if note_size != checkpoint.size:
        text = f"The stored checkpoint is of size {checkpoint.size}; the row says another."
        findings.add(Code.CHECKPOINT_DIFFERS, text, shard)
    return SignedNote(note, checkpoint)


def _why(note: str, verifier: NoteVerifier) -> Code:
    try:
        parse_checkpoint(note_text(note))
    except ProofInvalid:
        return Code.CHECKPOINT_MALFORMED
    for line in note.rpartition("\n\n")[2].split("\n"):
        name, _, signature = line.removeprefix("— ").partition(" ")
        if name == verifier.name:
            try:
                key_hash = b64_decode(signature)[:4]
            except EncodingInvalid:
                return Code.CHECKPOINT_MALFORMED
            return Code.CHECKPOINT_FORGED if key_hash == verifier.key_hash else Code.LOG_KEY_OTHER
    return Code.LOG_KEY_OTHER


def check_root(
    note: SignedNote, size: int, roots: dict[int, bytes], shard: int, findings: Findings
) -> bool:
    """Whether the rebuilt tree is the one that was signed."""
    signed = note.checkpoint
    if signed.size > size:
        text = f"{signed.size} leaves were signed; {size} are there."
        findings.add(Code.LOG_TRUNCATED, text, shard, size)
        return False
    if roots[signed.size] != signed.root:
        text = f"The tree of {signed.size} leaves is not the one that was signed."
        findings.add(Code.CHECKPOINT_DIFFERS, text, shard)
        return False
    return True

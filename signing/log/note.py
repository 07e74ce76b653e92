"""Signed notes (C2SP signed-note) with Ed25519 keys: what checkpoints are written as.

A verifier key is ``name+hash+base64(0x01 ‖ public key)``. Log, witness and TSA keys sign nothing
but notes.
"""

import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ed25519

from signing.encoding import b64_decode, b64_encode, sha256
from signing.errors import EncodingInvalid, ProofInvalid, SignatureInvalid
from signing.keys import Ed25519Verifier

NOTE_BYTES_MAX = 16_384  # a checkpoint and a hundred cosignatures
SIGNATURES_MAX = 100
_ED25519 = b"\x01"
_SPLIT = "\n\n"
KEY_NAME = re.compile(r"[^\s+]+")  # signed-note: no Unicode spaces, no plus
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """The public side of a note key: its name and key hash select it among signatures."""

    name: str
    public_key: bytes

    @property
    def key_hash(self) -> bytes:
        """The 4 bytes that stand before each signature by this key."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key)[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_hash.hex()}+{b64_encode(_ED25519 + self.public_key)}"

    def verify(self, signature: bytes, text: bytes) -> None:
        """Check one signature. Raises SignatureInvalid."""
        key = ed25519.Ed25519PublicKey.from_public_bytes(self.public_key)
        Ed25519Verifier(key).verify(signature, text)


def parse_verifier_key(text: str) -> NoteVerifier:
    """Read a verifier key string, as ``sealway init`` prints it.

    Raises:
        ProofInvalid: not one, another algorithm, or a hash that does not match.
    """
    name, _, rest = text.strip().partition("+")
    hash_hex, _, key64 = rest.partition("+")
    try:
        data = b64_decode(key64)
    except EncodingInvalid as error:
        raise ProofInvalid("Expected a verifier key like name+hash+base64.") from error
    if not KEY_NAME.fullmatch(name) or data[:1] != _ED25519 or len(data) != 33:
        raise ProofInvalid("Expected an Ed25519 verifier key like name+hash+base64.")
    verifier = NoteVerifier(name, data[1:])
    if verifier.key_hash.hex() != hash_hex:
        raise ProofInvalid("The verifier key's hash does not match its name and key.")
    return verifier


class NoteSigner:
    """A note key: signs the text of notes under its name, and nothing else."""

    __slots__ = ("_key", "verifier")

    def __init__(self, name: str, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.verifier = NoteVerifier(name, public)

    def __repr__(self) -> str:
        return f"NoteSigner({self.verifier})"

    def sign(self, text: str) -> str:
        """The signed note of ``text``, which must end in a newline."""
        assert text.endswith("\n")
        signature = self.verifier.key_hash + self._key.sign(text.encode())
        return f"{text}\n— {self.verifier.name} {b64_encode(signature)}\n"


def note_text(note: str) -> str:
    """The text of a note whose signatures have not been looked at: what it claims.

    Raises:
        ProofInvalid: not a note.
    """
    return _split(note)[0]


def _split(note: str) -> tuple[str, list[str]]:
    if len(note) > NOTE_BYTES_MAX or _SPLIT not in note or not note.endswith("\n"):
        raise ProofInvalid("Expected a signed note.")
    if _FORBIDDEN.search(note):
        raise ProofInvalid("A note has no control characters but the newline.")
    head, _, tail = note.rpartition(_SPLIT)
    return head + "\n", tail.split("\n")[:-1]


def note_signatures(note: str) -> list[tuple[str, bytes]]:
    """Each signature's key name and bytes (key hash first), in order; none of them verified.

    Raises:
        ProofInvalid: not a signed note.
    """
    _, lines = _split(note)
    if not lines or len(lines) > SIGNATURES_MAX:
        raise ProofInvalid("The note has no signature, or too many.")
    return [_parse_signature(line) for line in lines]


def verify_note(note: str, verifier: NoteVerifier) -> str:
    """The text of a note that ``verifier`` signed; signatures of others are ignored.

    Raises:
        ProofInvalid: not a signed note, or not signed by this key.
    """
    text = note_text(note)
    for name, signature in note_signatures(note):
        if name == verifier.name and signature[:4] == verifier.key_hash:
            _verify_one(verifier, signature[4:], text)
            return text
    raise ProofInvalid(f"The note is not signed by {verifier.name}'s pinned key.")


def _verify_one(verifier: NoteVerifier, signature: bytes, text: str) -> None:
    try:
        verifier.verify(signature, text.encode())
    except SignatureInvalid as error:
        raise ProofInvalid(f"The note's signature by {verifier.name} does not hold.") from error


def _parse_signature(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        data = b64_decode(encoded)
    except EncodingInvalid as error:
        raise ProofInvalid("A signature line of the note is malformed.") from error
    if dash != "—" or not KEY_NAME.fullmatch(name) or len(data) < 5:
        raise ProofInvalid("A signature line of the note is malformed.")
    return name, data

"""Cosignatures of checkpoints (C2SP tlog-cosignature, Ed25519): a witness's timestamped word.

A cosignature says: at this time, this was the largest consistent tree I had seen of that log. It
is one more signature line of the checkpoint's note: ``key hash 4 ‖ u64be seconds ‖ signature 64``.
The key is told apart from a log's by its type, 0x04. ML-DSA-44 cosignatures are other keys'
signatures to us, and ignored.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ed25519

from signing.encoding import b64_decode, b64_encode, sha256
from signing.errors import EncodingInvalid, ProofInvalid, SignatureInvalid
from signing.keys import Ed25519Verifier
from signing.log.note import KEY_NAME, note_signatures, note_text

TIME_S_MAX = 2**63 - 1
_COSIGNATURE_V1 = b"\x04"
_KEY_HASH_BYTES = 4
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature whose key hash has been looked at, and nothing else."""

    key_hash: bytes
    time_s: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """The public side of a witness's key."""

    name: str
    public_key: bytes

    @property
    def key_hash(self) -> bytes:
        """The 4 bytes that stand before each signature by this key."""
        return sha256(self.name.encode() + b"\n" + _COSIGNATURE_V1 + self.public_key)[:4]

    def __str__(self) -> str:
        key = b64_encode(_COSIGNATURE_V1 + self.public_key)
        return f"{self.name}+{self.key_hash.hex()}+{key}"


def parse_cosignature_key(text: str) -> CosignatureVerifier:
    """Read a witness's verifier key, as ``sealway witness new`` prints it.

    Raises:
        ProofInvalid: not one, another algorithm, or a hash that does not match.
    """
    name, _, rest = text.strip().partition("+")
    hash_hex, _, key64 = rest.partition("+")
    try:
        data = b64_decode(key64)
    except EncodingInvalid as error:
        raise ProofInvalid("Expected a verifier key like name+hash+base64.") from error
    if not KEY_NAME.fullmatch(name) or data[:1] != _COSIGNATURE_V1 or len(data) != 33:
        raise ProofInvalid("Expected a witness's Ed25519 verifier key like name+hash+base64.")
    verifier = CosignatureVerifier(name, data[1:])
    if verifier.key_hash.hex() != hash_hex:
        raise ProofInvalid("The verifier key's hash does not match its name and key.")
    return verifier


class Cosigner:
    """A witness's key: signs checkpoints with a time, and nothing else."""

    __slots__ = ("_key", "verifier")

    def __init__(self, name: str, key: ed25519.Ed25519PrivateKey) -> None:
        assert KEY_NAME.fullmatch(name)
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.verifier = CosignatureVerifier(name, public)

    def __repr__(self) -> str:
        return f"Cosigner({self.verifier})"

    def cosign(self, note: str, time_s: int) -> str:
        """The signature line over the text of a checkpoint, with its newline.

        Raises:
            ProofInvalid: not a note.
        """
        signature = self._key.sign(cosigned_message(note_text(note), time_s))
        data = self.verifier.key_hash + time_s.to_bytes(_TIME_BYTES, "big") + signature
        return f"— {self.verifier.name} {b64_encode(data)}\n"


def cosigned_message(text: str, time_s: int) -> bytes:
    """What an Ed25519 cosignature signs: two lines, then the checkpoint's text."""
    assert 0 <= time_s <= TIME_S_MAX
    assert text.endswith("\n")
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def parse_cosignature(signature: bytes) -> Cosignature:
    """Take a signature's bytes apart.

    Raises:
        ProofInvalid: another length, or a time out of range.
    """
    if len(signature) != _KEY_HASH_BYTES + _TIME_BYTES + _SIGNATURE_BYTES:
        raise ProofInvalid("An Ed25519 cosignature has 76 bytes.")
    time_s = int.from_bytes(signature[_KEY_HASH_BYTES : _KEY_HASH_BYTES + _TIME_BYTES], "big")
    if time_s > TIME_S_MAX:
        raise ProofInvalid("The cosignature's time is out of range.")
    return Cosignature(
        signature[:_KEY_HASH_BYTES], time_s, signature[_KEY_HASH_BYTES + _TIME_BYTES :]
    )


def verify_cosignature(note: str, verifier: CosignatureVerifier) -> int:
    """The latest time, in seconds since 1970, at which that witness cosigned this checkpoint.

    Signatures of others are ignored. Whether the time is recent enough is the caller's rule.

    Raises:
        ProofInvalid: not a signed note, not cosigned by this key, or a cosignature of it is false.
    """
    text = note_text(note)
    times = []
    for name, signature in note_signatures(note):
        if name == verifier.name and signature[:_KEY_HASH_BYTES] == verifier.key_hash:
            cosignature = parse_cosignature(signature)
            _verify_one(verifier, cosignature, text)
            times.append(cosignature.time_s)
    if not times:
        raise ProofInvalid(f"The checkpoint is not cosigned by {verifier.name}'s pinned key.")
    return max(times)


def _verify_one(verifier: CosignatureVerifier, cosignature: Cosignature, text: str) -> None:
    message = cosigned_message(text, cosignature.time_s)
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(verifier.public_key)
        Ed25519Verifier(key).verify(cosignature.signature, message)
    except SignatureInvalid as error:
        raise ProofInvalid(f"The cosignature by {verifier.name} does not hold.") from error

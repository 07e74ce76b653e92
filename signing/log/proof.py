"""The text of a C2SP tlog-proof: extra data, index, audit path, checkpoint."""

import re

from signing.encoding import b64_decode, b64_encode
from signing.errors import EncodingInvalid, ProofInvalid
from signing.log.merkle import HASH_BYTES, PROOF_HASHES_MAX
from signing.values import value_type

HEADER = "c2sp.org/tlog-proof@v1"
PROOF_BYTES_MAX = 16_384
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})", re.ASCII)


@value_type
class LogProof:
    """A proof's pieces, none of them checked against another."""

    extra: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def encode_proof(proof: LogProof) -> str:
    """The proof as text; ``checkpoint`` is the signed note, verbatim."""
    lines = [HEADER]
    if proof.extra:
        lines.append(f"extra {b64_encode(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines.extend(map(b64_encode, proof.path))
    return "\n".join(lines) + "\n\n" + proof.checkpoint


def parse_proof(text: str) -> LogProof:
    """Take a proof apart, strictly.

    Raises:
        ProofInvalid: too long, another header, lines out of order or malformed.
    """
    head, blank, checkpoint = text.partition("\n\n")
    if len(text) > PROOF_BYTES_MAX or not blank:
        raise ProofInvalid("Expected a tlog-proof followed by a checkpoint.")
    lines = head.split("\n")
    if lines.pop(0) != HEADER:
        raise ProofInvalid(f"Expected a proof that starts with {HEADER}.")
    if "extra " in lines:
        raise ProofInvalid("A proof without extra data has no extra line.")
    try:
        extra = b64_decode(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else b""
        match = _INDEX.fullmatch(lines.pop(0)) if lines else None
        path = tuple(map(b64_decode, lines))
    except EncodingInvalid as error:
        raise ProofInvalid("A line of the proof is malformed.") from error
    if match is None:
        raise ProofInvalid("The proof has no index line.")
    if len(path) > PROOF_HASHES_MAX or any(len(hash_) != HASH_BYTES for hash_ in path):
        raise ProofInvalid("The proof's path is malformed.")
    return LogProof(extra, int(match[1]), path, checkpoint)

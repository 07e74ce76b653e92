"""The body of ``add-checkpoint`` (C2SP tlog-witness): old size, consistency proof, checkpoint."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sealway.witness.errors import RequestMalformed
from signing.encoding import b64_decode, b64_encode
from signing.errors import EncodingInvalid
from signing.log.merkle import HASH_BYTES
from signing.log.note import NOTE_BYTES_MAX

PROOF_LINES_MAX: Final = 63
_LINE_BYTES: Final = 45  # 32 bytes in base64, and a newline
REQUEST_BYTES_MAX: Final = 21 + PROOF_LINES_MAX * _LINE_BYTES + 1 + 4 * NOTE_BYTES_MAX
"""The note's limit counts characters; each may take four bytes."""
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request taken apart, nothing verified."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str


def encode_request(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """A request's body."""
    assert len(proof) <= PROOF_LINES_MAX
    lines = [f"old {old_size}", *map(b64_encode, proof)]
    return ("\n".join(lines) + "\n\n" + note).encode()


def parse_request(body: bytes) -> AddCheckpoint:
    """Take a request's body apart, strictly.

    Raises:
        RequestMalformed: too long, no UTF-8, a line that is missing or malformed.
    """
    if len(body) > REQUEST_BYTES_MAX:
        raise RequestMalformed(f"A request has at most {REQUEST_BYTES_MAX} bytes.")
    try:
        head, blank, note = body.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError as error:
        raise RequestMalformed("The request is not UTF-8.") from error
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    if old is None or not blank:
        raise RequestMalformed("Expected 'old' and a size, proof lines, an empty line, a note.")
    if len(lines) > PROOF_LINES_MAX:
        raise RequestMalformed(f"A proof has at most {PROOF_LINES_MAX} lines.")
    try:
        proof = tuple(map(b64_decode, lines))
    except EncodingInvalid as error:
        raise RequestMalformed("A proof line is malformed.") from error
    if any(len(hash_) != HASH_BYTES for hash_ in proof):
        raise RequestMalformed("A proof line is not a hash of 32 bytes.")
    return AddCheckpoint(int(old[1]), proof, note)

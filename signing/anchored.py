"""Anchored receipts: a leaf, its shard's root in a heads leaf of log 0, and log 0's checkpoint.

Owns the format (docs/anchoring.md): JSON that carries a leaf's path to the root that a ``heads``
record names, that record, its own receipt in log 0 with the witnesses' cosignatures, and the
time-stamp of that checkpoint. Refuses to say whether witnesses and time are enough: anchors do.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from signing.encoding import b64url_decode, b64url_encode
from signing.errors import EncodingInvalid, JsonInvalid, ProofInvalid
from signing.log.leaf import LEAF_BYTES_MAX, LEAF_SALT_BYTES
from signing.log.merkle import HASH_BYTES, PROOF_HASHES_MAX
from signing.strict_json import parse_json
from signing.timestamps import RESPONSE_BYTES_MAX

ANCHORED_TYPE: Final = "application/vnd.sealway.anchored-receipt+json"
ANCHORED_BYTES_MAX: Final = 512 * 1024
"""Mostly the heads record: about 90 bytes for each open traffic log, of which there are 1,024."""

_NEEDS: Final = frozenset({"v", "leaf", "salt", "log", "index", "size", "path", "heads"})
_HEADS: Final = frozenset({"record", "receipt"})


@dataclass(frozen=True, slots=True)
class AnchoredReceipt:
    """An anchored receipt taken apart; nothing in it is verified."""

    leaf: bytes
    salt: bytes
    log: str
    """The origin of the leaf's log, as claimed."""
    index: int
    size: int
    """Of the tree whose root the heads record names."""
    path: tuple[bytes, ...]
    heads_record: bytes
    heads_receipt: str
    """The heads leaf's own receipt: its checkpoint of log 0 carries the cosignatures."""
    timestamp: bytes | None = None


def encode_anchored(receipt: AnchoredReceipt) -> bytes:
    """The receipt's bytes, members in one order."""
    fields: dict[str, Any] = {
        "v": 1,
        "leaf": b64url_encode(receipt.leaf),
        "salt": b64url_encode(receipt.salt),
        "log": receipt.log,
        "index": receipt.index,
        "size": receipt.size,
        "path": [b64url_encode(node) for node in receipt.path],
        "heads": {
            "record": receipt.heads_record.decode("ascii"),
            "receipt": receipt.heads_receipt,
        },
    }
    if receipt.timestamp is not None:
        fields["timestamp"] = b64url_encode(receipt.timestamp)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def parse_anchored(data: bytes) -> AnchoredReceipt:
    """Take an anchored receipt apart, strictly; nothing is verified.

    Raises:
        ProofInvalid: too long, not strict JSON, members missing, unknown or malformed.
    """
    try:
        fields = parse_json(data, depth_max=3, bytes_max=ANCHORED_BYTES_MAX)
        if type(fields) is not dict or not _NEEDS <= fields.keys() <= _NEEDS | {"timestamp"}:
            raise ProofInvalid("The receipt does not have the members of an anchored receipt.")
        if type(fields["v"]) is not int or fields["v"] != 1:
            raise ProofInvalid("Only anchored receipts of v 1 are read.")
        return _receipt(fields)
    except (EncodingInvalid, JsonInvalid, UnicodeEncodeError) as error:
        raise ProofInvalid("The anchored receipt is malformed.") from error


def _receipt(fields: dict[str, Any]) -> AnchoredReceipt:
    heads, path = fields["heads"], fields["path"]
    if type(heads) is not dict or heads.keys() != _HEADS or type(path) is not list:
        raise ProofInvalid("The receipt's heads or path are malformed.")
    timestamp = fields.get("timestamp", "")
    texts = (fields["leaf"], fields["salt"], fields["log"], timestamp, *heads.values(), *path)
    if not all(type(text) is str for text in texts) or len(path) > PROOF_HASHES_MAX:
        raise ProofInvalid("A member of the receipt has the wrong type, or the path is too long.")
    numbers = (fields["index"], fields["size"])
    if not all(type(number) is int and 0 <= number < 2**53 for number in numbers):
        raise ProofInvalid("The receipt's index and size are integers.")
    leaf, stamp = b64url_decode(fields["leaf"]), b64url_decode(timestamp)
    if len(leaf) > LEAF_BYTES_MAX or len(stamp) > RESPONSE_BYTES_MAX:
        raise ProofInvalid("The receipt's leaf or time-stamp is too long.")
    return AnchoredReceipt(
        leaf=leaf,
        salt=b64url_decode(fields["salt"], LEAF_SALT_BYTES),
        log=fields["log"],
        index=fields["index"],
        size=fields["size"],
        path=tuple(b64url_decode(node, HASH_BYTES) for node in path),
        heads_record=heads["record"].encode("ascii"),
        heads_receipt=heads["receipt"],
        timestamp=stamp or None,
    )

"""Whether an anchored receipt holds under anchors that came from elsewhere, offline.

Pure. Trusts log 0's key, the witnesses' keys with their quorum, and the roots of time-stamp
authorities, all of them the caller's; nothing in the receipt is a root. The traffic log's own key
isn't needed: what binds its root is the heads leaf of log 0.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate

from sealway.verify.names import bus_and_number, origin_of
from signing.anchored import AnchoredReceipt, parse_anchored
from signing.encoding import b64_decode
from signing.envelope import VerifiedEnvelope
from signing.errors import EncodingInvalid, ProofInvalid, SealwayError
from signing.log.checkpoint import Checkpoint
from signing.log.leaf import Leaf, commit_to, parse_leaf
from signing.log.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from signing.log.note import note_text
from signing.log.policy import TrustPolicy, verify_cosigned
from signing.receipts import check_story, parse_receipt, verify_receipt
from signing.records import decode_record
from signing.timestamps import Timestamp, verify_timestamp


@dataclass(frozen=True, slots=True)
class VerifiedAnchored:
    """A leaf that is proven to stand in its log, under an anchored checkpoint of log 0."""

    leaf: Leaf
    log: str
    index: int
    checkpoint: Checkpoint
    """Of log 0."""
    cosigned_s: Mapping[str, int]
    """When each witness of the policy that cosigned did so, by its name there."""
    timestamp: Timestamp | None
    """None only where the caller gave no roots."""


def verify_anchored(
    data: bytes, act: bytes, policy: TrustPolicy, roots: Sequence[Certificate] = ()
) -> VerifiedAnchored:
    """Check an anchored receipt for ``act``, the exact bytes of an envelope or record.

    With ``roots`` a time-stamp under one of them is required.

    Raises:
        ProofInvalid: malformed, for other bytes, not below the root that log 0 holds, log 0's
            checkpoint not signed, cosigned or stamped as the anchors ask.
    """
    receipt = parse_anchored(data)
    leaf = parse_leaf(receipt.leaf)
    if not hmac.compare_digest(commit_to(receipt.salt, act), leaf.env):
        raise ProofInvalid("The receipt is for other bytes than these.")
    origin = parse_receipt(receipt.heads_receipt).origin
    log_0 = policy.logs.get(origin)
    if log_0 is None or (bus_and_number(origin) or ("", 1))[1] > 0:
        raise ProofInvalid("The policy does not know the log 0 that anchors this receipt.")
    heads = verify_receipt(receipt.heads_receipt, receipt.heads_record, log_0)
    if heads.leaf.k != "heads":
        raise ProofInvalid("What anchors this receipt is no heads leaf.")
    root = _named_root(receipt, origin)
    verify_inclusion(leaf_hash(receipt.leaf), receipt.index, receipt.size, receipt.path, root)
    note = parse_receipt(receipt.heads_receipt).proof.checkpoint
    cosigned = verify_cosigned(note, policy, origin)
    timestamp = _timestamp(receipt, note, roots)
    return VerifiedAnchored(
        leaf, receipt.log, receipt.index, cosigned.checkpoint, cosigned.times_s, timestamp
    )


def verify_anchored_message(
    data: bytes,
    envelope: VerifiedEnvelope,
    policy: TrustPolicy,
    roots: Sequence[Certificate] = (),
) -> VerifiedAnchored:
    """Check that this is the anchored receipt of a message: bytes, kind, parties, service.

    Raises:
        ProofInvalid: as `verify_anchored`, or the leaf tells another story than the envelope.
    """
    anchored = verify_anchored(data, envelope.raw, policy, roots)
    check_story(anchored.leaf, envelope.manifest)
    return anchored


def _named_root(receipt: AnchoredReceipt, origin: str) -> bytes:
    """The root of the leaf's log, as the heads record names it for this size."""
    bus, _ = bus_and_number(origin) or ("", 0)
    try:
        after = decode_record(receipt.heads_record).after
        for head in after if type(after) is list else []:
            n, size = head["n"], head["size"]
            if type(n) is int and n > 0 and origin_of(bus, n) == receipt.log:
                root = b64_decode(head["root"])
                if type(size) is int and size == receipt.size and len(root) == HASH_BYTES:
                    return root
    except (KeyError, TypeError, EncodingInvalid) as error:
        raise ProofInvalid("The heads record does not hold heads.") from error
    except SealwayError as error:
        raise ProofInvalid("The heads record can't be read.") from error
    raise ProofInvalid("The heads record names no head of this log and size.")


def _timestamp(
    receipt: AnchoredReceipt, note: str, roots: Sequence[Certificate]
) -> Timestamp | None:
    if not roots:
        return None
    if receipt.timestamp is None:
        raise ProofInvalid("The checkpoint has no time-stamp, and the anchors ask for one.")
    return verify_timestamp(receipt.timestamp, note_text(note).encode(), roots)

"""Anchored receipts for applications: anchors read from files, the verifier's word in their terms.

Loaded when it is asked for: time-stamps need a library that nothing else of the SDK does.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.x509 import Certificate

from sealway.answers import Anchored
from sealway.errors import ProofFailed
from sealway.verify.anchored import verify_anchored_message
from signing.envelope import VerifiedEnvelope
from signing.errors import ProofInvalid
from signing.log.policy import TrustPolicy, parse_policy
from signing.timestamps import load_roots


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the caller trusts: logs, witnesses and quorum, roots of time-stamp authorities."""

    policy: TrustPolicy
    roots: tuple[Certificate, ...]


def read_anchors(policy: bytes, roots: bytes = b"") -> Anchors:
    """Anchors from a C2SP tlog-policy and, where time-stamps are wanted, roots in PEM.

    Raises:
        ProofFailed: one of them can't be read.
    """
    try:
        return Anchors(parse_policy(policy), load_roots(roots) if roots else ())
    except ProofInvalid as error:
        raise ProofFailed(error.detail) from error


def check_anchored(data: bytes, envelope: VerifiedEnvelope, anchors: Anchors) -> Anchored:
    """The anchored receipt of this message. Raises ProofFailed: it does not hold."""
    try:
        found = verify_anchored_message(data, envelope, anchors.policy, anchors.roots)
    except ProofInvalid as error:
        raise ProofFailed(f"The anchored receipt does not hold: {error.detail}") from error
    stamped_ms = None if found.timestamp is None else found.timestamp.at_ms
    return Anchored(found.log, found.index, dict(found.cosigned_s), stamped_ms, data)

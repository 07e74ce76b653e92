"""Signed changes: a member's own word for what a record of log 0 then says (wire.md, *Envelope*).

A JWS of ``typ`` ``sealway-change+jws`` over ``{v, bus, about {noun, key}, before?, after}``, under
a certificate of one of the member's systems. It binds an object as it was (its hash) to the object
as it shall be (whole), so that nobody can put it to another change. Whether whoever signed may
say so is the registry's to judge.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from signing.encoding import check_digest, sha256
from signing.errors import EncodingInvalid, ManifestInvalid, UnsupportedVersion
from signing.jws import CHANGE, RECORD_BYTES_MAX, decode_jws, sign_jws, verify_jws
from signing.keys import KeyResolver, KnownCertificate, Signer
from signing.records import RECORD_DEPTH_MAX
from signing.strict_json import parse_json

CHANGE_BYTES_MAX: Final = RECORD_BYTES_MAX // 4  # it travels in a record, beside the object itself
_NEEDS: Final = {"v", "bus", "about", "after"}


@dataclass(frozen=True, slots=True)
class StatedChange:
    """What somebody says shall be: of this bus, this object, from this state to that."""

    bus: str
    noun: str
    key: str
    before: str | None
    """`signing.records.object_hash` of the object as it was; None: there was none."""
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VerifiedChange:
    """A statement whose signature holds under ``certificate``."""

    change: StatedChange
    certificate: KnownCertificate
    iat_s: int
    identity: bytes
    """SHA-256 of what was signed: one statement has one, whatever its signature looks like."""


def sign_change(change: StatedChange, signer: Signer, now_ms: int) -> bytes:
    """The statement as a compact JWS."""
    fields: dict[str, Any] = {
        "v": 1,
        "bus": change.bus,
        "about": {"noun": change.noun, "key": change.key},
    }
    if change.before is not None:
        fields["before"] = change.before
    fields["after"] = dict(change.after)
    payload = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return sign_jws(payload, signer, CHANGE, now_ms // 1000)


def parse_change(payload: bytes) -> StatedChange:
    """Read a statement's JSON, strictly.

    Raises:
        JsonInvalid: not strict JSON.
        UnsupportedVersion: another ``v``.
        ManifestInvalid: a member that is missing, unknown or ill-formed.
    """
    fields = parse_json(payload, depth_max=RECORD_DEPTH_MAX, bytes_max=CHANGE_BYTES_MAX)
    if type(fields) is not dict or type(fields.get("v")) is not int:
        raise ManifestInvalid("A signed change is an object with a version 'v'.")
    if fields["v"] != 1:
        raise UnsupportedVersion("Only signed changes of v 1 are read.")
    if not _NEEDS <= fields.keys() <= _NEEDS | {"before"}:
        raise ManifestInvalid("The signed change does not have the members of v 1.")
    about, after = fields["about"], fields["after"]
    if type(about) is not dict or about.keys() != {"noun", "key"} or type(after) is not dict:
        raise ManifestInvalid("A signed change has 'about' with noun and key, 'after' an object.")
    texts = (fields["bus"], about["noun"], about["key"], fields.get("before", ""))
    if not all(type(text) is str for text in texts):
        raise ManifestInvalid("A member of the signed change that should be a string is not.")
    try:
        if "before" in fields:
            check_digest(fields["before"])
    except EncodingInvalid as error:
        raise ManifestInvalid(error.detail) from error
    return StatedChange(fields["bus"], about["noun"], about["key"], fields.get("before"), after)


def decode_change(raw: bytes) -> StatedChange:
    """What a statement says, its signature not looked at. Raises as `verify_change`."""
    return parse_change(decode_jws(raw, CHANGE, CHANGE_BYTES_MAX).payload)


def verify_change(raw: bytes, resolver: KeyResolver) -> VerifiedChange:
    """Decode, then check the signature under a registered certificate.

    Raises:
        EnvelopeMalformed, JsonInvalid, ManifestInvalid, UnsupportedVersion: bad bytes.
        CertificateUnknown, AlgorithmNotAllowed, SignatureInvalid: not a registered key's.
    """
    envelope = decode_jws(raw, CHANGE, CHANGE_BYTES_MAX)
    change = parse_change(envelope.payload)
    certificate = verify_jws(envelope, resolver)
    return VerifiedChange(change, certificate, envelope.iat_s, sha256(envelope.signing_input))

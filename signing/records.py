"""Records: the bus's own signed statements of acts that have no envelope (log.md, *Leaf*).

A record is a JWS of ``typ`` ``sealway-record+jws`` over ``{v, k, at, actor, role, act, about,
before?, after?, approvals[], signed_change?}``. Acts and nouns are published lists elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from signing.encoding import b64url_encode, check_digest, format_time, parse_time, sha256
from signing.errors import EncodingInvalid, ManifestInvalid, UnsupportedVersion
from signing.jws import RECORD, RECORD_BYTES_MAX, decode_jws, sign_jws, verify_jws
from signing.keys import KeyResolver, KnownCertificate, Signer
from signing.log.leaf import LOG_0_KINDS, TRAFFIC_KINDS
from signing.strict_json import parse_json

RECORD_DEPTH_MAX = 64

_NEEDS = frozenset({"v", "k", "at", "actor", "role", "act", "about", "approvals"})
_ALLOWS = _NEEDS | {"before", "after", "signed_change"}
_TEXTS = ("k", "at", "actor", "role", "act", "before", "signed_change")


@dataclass(frozen=True, slots=True)
class Record:
    """One act: who did what to which noun, what it was before (a hash) and is after (whole)."""

    k: str
    at_ms: int
    actor: str
    role: str
    act: str
    noun: str
    key: str
    before: str | None = None
    after: Mapping[str, Any] | list[Any] | None = None
    signed_change: str | None = None
    """A member's own statement of it (`signing.changes`), not looked at here."""


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """A record whose signature holds under ``certificate``."""

    raw: bytes
    record: Record
    certificate: KnownCertificate


def object_hash(value: object) -> str:
    """``before``: base64url SHA-256 of the RFC 8785 bytes of an object as it was."""
    return b64url_encode(sha256(rfc8785.dumps(value)))  # type: ignore[arg-type]


def sign_record(record: Record, signer: Signer) -> bytes:
    """The record as a compact JWS; ``iat`` is its ``at`` in whole seconds."""
    fields: dict[str, Any] = {
        "v": 1,
        "k": record.k,
        "at": format_time(record.at_ms),
        "actor": record.actor,
        "role": record.role,
        "act": record.act,
        "about": {"noun": record.noun, "key": record.key},
    }
    if record.before is not None:
        fields["before"] = record.before
    if record.after is not None:
        fields["after"] = record.after
    fields["approvals"] = []
    if record.signed_change is not None:
        fields["signed_change"] = record.signed_change
    payload = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return sign_jws(payload, signer, RECORD, record.at_ms // 1000)


def parse_record(payload: bytes) -> Record:
    """Read a record's JSON.

    Raises:
        JsonInvalid: not strict JSON.
        UnsupportedVersion: another ``v``.
        ManifestInvalid: a member that is missing, unknown or ill-formed.
    """
    fields = parse_json(payload, depth_max=RECORD_DEPTH_MAX, bytes_max=RECORD_BYTES_MAX)
    if type(fields) is not dict or not _NEEDS <= fields.keys() <= _ALLOWS:
        raise ManifestInvalid("The record does not have the members of a v 1 record.")
    if type(fields["v"]) is not int:
        raise ManifestInvalid("The record's v must be an integer.")
    if fields["v"] != 1:
        raise UnsupportedVersion("Only records of v 1 are read.")
    about = fields["about"]
    if type(about) is not dict or about.keys() != {"noun", "key"}:
        raise ManifestInvalid("The record's 'about' must have noun and key.")
    _check_types(fields, about)
    try:
        at_ms = parse_time(fields["at"])
        if "before" in fields:
            check_digest(fields["before"])
    except EncodingInvalid as error:
        raise ManifestInvalid(error.detail) from error
    return Record(
        k=fields["k"],
        at_ms=at_ms,
        actor=fields["actor"],
        role=fields["role"],
        act=fields["act"],
        noun=about["noun"],
        key=about["key"],
        before=fields.get("before"),
        after=fields.get("after"),
        signed_change=fields.get("signed_change"),
    )


def _check_types(fields: dict[str, Any], about: dict[str, Any]) -> None:
    texts = [fields[name] for name in _TEXTS if name in fields]
    if not all(type(text) is str for text in (*texts, about["noun"], about["key"])):
        raise ManifestInvalid("A member of the record that should be a string is not.")
    if fields["k"] not in LOG_0_KINDS and fields["k"] not in TRAFFIC_KINDS:
        raise ManifestInvalid("The record is of an unknown kind.")
    if type(fields["approvals"]) is not list or not _is_object(fields.get("after", {})):
        raise ManifestInvalid("The record's approvals are a list, after an object or a list.")


def _is_object(value: object) -> bool:
    return type(value) is dict or type(value) is list


def decode_record(raw: bytes) -> Record:
    """What a record's bytes say, unverified; for whoever knows them by another proof."""
    return parse_record(decode_jws(raw, RECORD, RECORD_BYTES_MAX).payload)


def verify_record(raw: bytes, resolver: KeyResolver) -> VerifiedRecord:
    """Decode, then check the signature under one of the bus's record keys.

    Raises:
        EnvelopeMalformed, ManifestInvalid: bad bytes.
        CertificateUnknown, AlgorithmNotAllowed, SignatureInvalid: not a record key's.
    """
    envelope = decode_jws(raw, RECORD, RECORD_BYTES_MAX)
    certificate = verify_jws(envelope, resolver)
    return VerifiedRecord(raw, parse_record(envelope.payload), certificate)

"""The manifest: what a system says, as the JSON inside the envelope (wire.md, *Exact bytes*).

Owns the closed set of members of ``v`` 1 and the grammar of each. Refuses to know whether a
system, service or schema exists. A verifier hashes the bytes it was given; ``encode_manifest`` is
only for whoever composes a new one.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NewType, get_args

from signing import identifiers as names
from signing.encoding import DIGEST_BYTES, b64url_decode, format_time, parse_time
from signing.errors import EncodingInvalid, IdentifierInvalid, ManifestInvalid, UnsupportedVersion
from signing.identifiers import Code, Fingerprint, MessageId, ServiceCode, SystemId
from signing.strict_json import parse_json

Digest = NewType("Digest", str)
Kind = Literal["request", "response", "interim", "rejection", "acknowledgement", "cancel", "event"]

KINDS: frozenset[str] = frozenset(get_args(Kind))
ANSWERS: frozenset[str] = frozenset({"response", "rejection"})
MANIFEST_BYTES_MAX = 7_168  # an envelope's own limit, so never reached by the payload alone
MANIFEST_DEPTH_MAX = 8
PARTS_MAX = 32
PART_BYTES_MAX = 2**53 - 1
BUS_CHARS_MAX = 255
"""A bus's own name is a host name, which DNS bounds to 255 bytes."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """What a manifest promises of one part: name, media type, bytes, commitment."""

    name: str
    type: str
    size: int
    commit: str
    schema: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class About:
    """The message that this one answers: its id and its digest."""

    id: MessageId
    digest: Digest


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest; ``sender`` is the member ``from``. Times in ms since 1970."""

    bus: str
    id: MessageId
    kind: Kind
    sender: SystemId
    created_ms: int
    parts: tuple[PartSpec, ...]
    to: SystemId | None = None
    service: ServiceCode | None = None
    expires_ms: int | None = None
    purpose: Code | None = None
    about: About | None = None
    status: Code | None = None
    reason: Code | None = None
    accepted: bool | None = None
    topic: Code | None = None
    transaction: str | None = None
    test: bool = False
    traceparent: str | None = None
    ext: tuple[tuple[str, Any], ...] = ()
    ext_crit: tuple[str, ...] = ()
    v: int = 1


_ALWAYS = frozenset({"v", "bus", "id", "kind", "from", "created", "parts"})
_ANYWHERE = frozenset({"transaction", "test", "traceparent", "ext", "ext_crit"})
_ANSWER = frozenset({"to", "service", "about"})
_REQUIRED: dict[str, frozenset[str]] = {
    "request": frozenset({"to", "service"}),
    "response": _ANSWER,
    "interim": _ANSWER | {"status"},
    "rejection": _ANSWER | {"reason"},
    "acknowledgement": _ANSWER | {"accepted"},
    "cancel": _ANSWER,
    "event": frozenset({"topic"}),
}
_OPTIONAL: dict[str, frozenset[str]] = {
    "request": frozenset({"expires", "purpose"}),
    "event": frozenset({"expires"}),
}
_NEEDS = {kind: _ALWAYS | required for kind, required in _REQUIRED.items()}
_ALLOWS = {kind: _NEEDS[kind] | _ANYWHERE | _OPTIONAL.get(kind, frozenset()) for kind in _NEEDS}
_NEEDS_PARTS = frozenset({"request", "response", "event"})


def parse_manifest(data: bytes) -> Manifest:
    """Read the payload of an envelope as a manifest, strictly.

    Raises:
        JsonInvalid: not strict JSON.
        UnsupportedVersion: another ``v``, or a critical extension (none is known in ``v`` 1).
        MessageIdInvalid: the id is not a UUIDv7.
        ManifestInvalid: an unknown kind, or a member that is missing, unknown or ill-formed.
    """
    fields = parse_json(data, depth_max=MANIFEST_DEPTH_MAX, bytes_max=MANIFEST_BYTES_MAX)
    if type(fields) is not dict:
        raise ManifestInvalid("The manifest must be a JSON object.")
    _check_version(fields)
    kind = fields.get("kind")
    if type(kind) is not str or kind not in KINDS:
        raise ManifestInvalid("The member 'kind' must be one of: " + ", ".join(sorted(KINDS)) + ".")
    _check_members(kind, fields)
    try:
        return _manifest(kind, fields)
    except (EncodingInvalid, IdentifierInvalid) as error:
        raise ManifestInvalid(error.detail) from error


def _check_version(fields: dict[str, Any]) -> None:
    version = fields.get("v")
    if type(version) is not int:
        raise ManifestInvalid("The member 'v' must be an integer.")
    if version != 1:
        raise UnsupportedVersion("This bus reads manifests of v 1; send v 1.")


def _check_members(kind: str, fields: dict[str, Any]) -> None:
    keys = fields.keys()
    missing = _NEEDS[kind] - keys
    if missing:
        raise ManifestInvalid(f"A {kind} needs the member '{min(missing)}'.")
    if not keys <= _ALLOWS[kind]:
        raise ManifestInvalid(f"A {kind} has no member {_shown(min(keys - _ALLOWS[kind]))}.")


def _shown(name: str) -> str:
    return repr(name[:40]) if name.isascii() and name.isprintable() else "of that name"


def _manifest(kind: Any, fields: dict[str, Any]) -> Manifest:
    get = fields.get
    return Manifest(
        bus=_bus(fields["bus"]),
        id=names.parse_message_id(_text(fields, "id")),
        kind=kind,
        sender=names.parse_system_id(_text(fields, "from")),
        created_ms=parse_time(_text(fields, "created")),
        parts=_parts(kind, fields["parts"]),
        to=names.parse_system_id(_text(fields, "to")) if "to" in fields else None,
        service=names.parse_service_code(_text(fields, "service")) if "service" in fields else None,
        expires_ms=parse_time(_text(fields, "expires")) if "expires" in fields else None,
        purpose=names.parse_code(_text(fields, "purpose")) if "purpose" in fields else None,
        about=_about(fields["about"]) if "about" in fields else None,
        status=_coded(fields["status"], "status") if "status" in fields else None,
        reason=_coded(fields["reason"], "reason") if "reason" in fields else None,
        accepted=_flag(fields, "accepted") if "accepted" in fields else None,
        topic=names.parse_code(_text(fields, "topic")) if "topic" in fields else None,
        transaction=names.parse_uuid(_text(fields, "transaction"))
        if "transaction" in fields
        else None,
        test=_test(fields) if "test" in fields else False,
        traceparent=_traceparent(fields) if "traceparent" in fields else None,
        ext=_ext(get("ext")) if "ext" in fields else (),
        ext_crit=_ext_crit(fields) if "ext_crit" in fields else (),
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if type(value) is not str:
        raise ManifestInvalid(f"The member '{name}' must be a string.")
    return value


def _flag(fields: dict[str, Any], name: str) -> bool:
    value = fields[name]
    if type(value) is not bool:
        raise ManifestInvalid(f"The member '{name}' must be true or false.")
    return value


def _test(fields: dict[str, Any]) -> bool:
    if fields["test"] is not True:
        raise ManifestInvalid("The member 'test' is true or absent.")
    return True


def _bus(value: Any) -> str:
    if type(value) is not str or not 0 < len(value) <= BUS_CHARS_MAX or not value.isascii():
        raise ManifestInvalid("The member 'bus' must be the bus's name.")
    return value


def _object(value: Any, members: frozenset[str], what: str) -> dict[str, Any]:
    if type(value) is not dict or value.keys() != members:
        raise ManifestInvalid(f"The member '{what}' must have exactly: {', '.join(members)}.")
    return value


def _about(value: Any) -> About:
    fields = _object(value, _ABOUT, "about")
    digest = _text(fields, "digest")
    b64url_decode(digest, DIGEST_BYTES)
    return About(names.parse_message_id(_text(fields, "id")), Digest(digest))


_ABOUT = frozenset({"id", "digest"})
_CODE = frozenset({"code"})


def _coded(value: Any, what: str) -> Code:
    return names.parse_code(_text(_object(value, _CODE, what), "code"))


def _traceparent(fields: dict[str, Any]) -> str:
    value = _text(fields, "traceparent")
    if not _TRACEPARENT.fullmatch(value):
        raise ManifestInvalid("The member 'traceparent' must follow W3C Trace Context.")
    return value


def _ext(value: Any) -> tuple[tuple[str, Any], ...]:
    if type(value) is not dict:
        raise ManifestInvalid("The member 'ext' must be an object.")
    return tuple(sorted(value.items()))


def _ext_crit(fields: dict[str, Any]) -> tuple[str, ...]:
    value = fields["ext_crit"]
    if type(value) is not list or not value or not all(type(name) is str for name in value):
        raise ManifestInvalid("The member 'ext_crit' must be a list of names.")
    if not set(value) <= set(fields.get("ext") or {}):
        raise ManifestInvalid("The member 'ext_crit' names what 'ext' does not hold.")
    raise UnsupportedVersion(
        "The envelope has an extension marked critical that this bus does not know."
    )


def _parts(kind: str, value: Any) -> tuple[PartSpec, ...]:
    if type(value) is not list or len(value) > PARTS_MAX:
        raise ManifestInvalid(f"The member 'parts' must be a list of at most {PARTS_MAX}.")
    if not value and kind in _NEEDS_PARTS:
        raise ManifestInvalid(f"A {kind} needs at least one part.")
    specs = tuple(_part(item) for item in value)
    if len({spec.name for spec in specs}) != len(specs):
        raise ManifestInvalid("Two parts have the same name.")
    return specs


_PART_NEEDS = frozenset({"name", "type", "size", "commit"})
_PART_ALLOWS = _PART_NEEDS | {"schema"}


def _part(value: Any) -> PartSpec:
    if type(value) is not dict or not _PART_NEEDS <= value.keys() <= _PART_ALLOWS:
        raise ManifestInvalid("A part has the members name, type, size, commit and maybe schema.")
    name, media_type, size = _text(value, "name"), _text(value, "type"), value["size"]
    if not _PART_NAME.fullmatch(name) or ".." in name:
        raise ManifestInvalid("A part's name must match [a-z0-9][a-z0-9._-]{0,63} without '..'.")
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise ManifestInvalid("A part's type must be type/subtype without parameters.")
    if type(size) is not int or not 0 <= size <= PART_BYTES_MAX:
        raise ManifestInvalid("A part's size must be an integer from 0 to 2^53-1.")
    commit = _text(value, "commit")
    b64url_decode(commit, DIGEST_BYTES)
    schema = names.parse_fingerprint(_text(value, "schema")) if "schema" in value else None
    return PartSpec(name, media_type, size, commit, schema)


_PART_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes to sign for a manifest we compose: compact JSON, in the documented order."""
    m = manifest
    fields: dict[str, Any] = {"v": m.v, "bus": m.bus, "id": m.id, "kind": m.kind, "from": m.sender}
    optional = {
        "to": m.to,
        "service": m.service,
        "topic": m.topic,
        "created": format_time(m.created_ms),
        "expires": None if m.expires_ms is None else format_time(m.expires_ms),
        "purpose": m.purpose,
        "about": m.about and {"id": m.about.id, "digest": m.about.digest},
        "status": m.status and {"code": m.status},
        "reason": m.reason and {"code": m.reason},
        "accepted": m.accepted,
        "transaction": m.transaction,
        "test": True if m.test else None,
        "traceparent": m.traceparent,
        "ext": dict(m.ext) or None,
        "ext_crit": list(m.ext_crit) or None,
    }
    fields.update((name, value) for name, value in optional.items() if value is not None)
    fields["parts"] = [_encode_part(spec) for spec in m.parts]
    return _ENCODER.encode(fields).encode()


def _encode_part(spec: PartSpec) -> dict[str, Any]:
    fields = {"name": spec.name, "type": spec.type, "size": spec.size, "commit": spec.commit}
    return fields if spec.schema is None else {**fields, "schema": spec.schema}

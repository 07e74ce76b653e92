"""The manifest: what a system says, as the JSON inside the envelope (wire.md, *Exact bytes*).

Owns the closed set of members of ``v`` 1 and the grammar of each. Refuses to know whether a
system, service or schema exists. A verifier hashes the bytes it was given; ``encode_manifest`` is
only for whoever composes a new one.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Literal, NewType, get_args

from signing import identifiers as names
from signing.encoding import check_digest, format_time, parse_time
from signing.errors import (
    EncodingInvalid,
    IdentifierInvalid,
    ManifestInvalid,
    MessageIdInvalid,
    UnsupportedVersion,
)
from signing.identifiers import Code, Fingerprint, MessageId, ServiceCode, SystemId
from signing.strict_json import integer_spellings, parse_json
from signing.values import value_type

Digest = NewType("Digest", str)
Kind = Literal["request", "response", "interim", "rejection", "acknowledgement", "cancel", "event"]

KINDS: frozenset[str] = frozenset(get_args(Kind))
ANSWERS: frozenset[str] = frozenset({"response", "rejection"})
MANIFEST_BYTES_MAX = 7_168  # an envelope's own limit, so never reached by the payload alone
MANIFEST_DEPTH_MAX = 8
PARTS_MAX = 32
PART_BYTES_MAX = 2**53 - 1


@value_type
class PartSpec:
    """What a manifest promises of one part: name, media type, bytes, commitment."""

    name: str
    type: str
    size: int
    commit: str
    schema: Fingerprint | None = None


@value_type
class About:
    """The message that this one answers: its id and its digest."""

    id: MessageId
    digest: Digest


@value_type
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
    _check_version(fields.get("v"))
    kind = fields.get("kind")
    if type(kind) is not str or kind not in KINDS:
        raise ManifestInvalid("The member 'kind' must be one of: " + ", ".join(sorted(KINDS)) + ".")
    _check_members(kind, fields)
    try:
        manifest = _read(fields)
    except (EncodingInvalid, IdentifierInvalid) as error:
        raise ManifestInvalid(error.detail) from error
    _check_parts(kind, manifest.parts, data)
    _check_critical(manifest)
    return manifest


def _check_version(version: object) -> None:
    if type(version) is not int:
        raise ManifestInvalid("The member 'v' must be an integer.")
    if version != 1:
        raise UnsupportedVersion("This bus reads manifests of v 1; send v 1.")


def _check_members(kind: str, fields: dict[str, Any]) -> None:
    keys = fields.keys()
    if not keys >= _NEEDS[kind]:
        raise ManifestInvalid(f"{_a(kind)} needs the member '{min(_NEEDS[kind] - keys)}'.")
    if not keys <= _ALLOWS[kind]:
        raise ManifestInvalid(f"{_a(kind)} has no member {_shown(min(keys - _ALLOWS[kind]))}.")


def _a(kind: str) -> str:
    return f"An {kind}" if kind[0] in "aei" else f"A {kind}"


def _shown(name: str) -> str:
    return repr(name[:40]) if name.isascii() and name.isprintable() else "of that name"


def _read(fields: dict[str, Any]) -> Manifest:
    values: dict[str, Any] = {}
    for name, value in fields.items():
        attribute, kind, read = _MEMBERS[name]
        if type(value) is not kind:
            raise ManifestInvalid(f"The member '{name}' must be {_TYPE_NAMES[kind]}.")
        values[attribute] = read(value)
    return Manifest(**values)


def _check_parts(kind: str, parts: tuple[PartSpec, ...], data: bytes) -> None:
    if not parts and kind in _NEEDS_PARTS:
        raise ManifestInvalid(f"{_a(kind)} needs at least one part.")
    if len(parts) > 1 and len({spec.name for spec in parts}) != len(parts):
        raise ManifestInvalid("Two parts have the same name.")
    for spec in parts:
        if not spec.size:
            return _refuse_minus_zero(data)


def _refuse_minus_zero(data: bytes) -> None:
    if any(part["size"] == "-0" for part in integer_spellings(data)["parts"]):
        raise ManifestInvalid("A part's size must be an integer from 0 to 2^53-1.")


def _check_critical(manifest: Manifest) -> None:
    if not manifest.ext_crit:
        return
    if not set(manifest.ext_crit) <= {name for name, _ in manifest.ext}:
        raise ManifestInvalid("The member 'ext_crit' names what 'ext' does not hold.")
    raise UnsupportedVersion(
        "The envelope has an extension marked critical that this bus does not know."
    )


def _same(value: Any) -> Any:
    return value


def _test(value: bool) -> bool:
    if not value:
        raise ManifestInvalid("The member 'test' is true or absent.")
    return True


def _bus(value: str) -> str:
    if not _BUS.fullmatch(value):
        raise ManifestInvalid("The member 'bus' must be the bus's name.")
    return value


def _about(value: dict[str, Any]) -> About:
    if value.keys() != _ABOUT or not all(type(member) is str for member in value.values()):
        raise ManifestInvalid("The member 'about' must have exactly the strings id and digest.")
    try:
        about_id = names.parse_message_id(value["id"])
    except MessageIdInvalid as error:
        # The code message-id-invalid is for the message's own id, which the sender can renew.
        raise ManifestInvalid("The id in 'about' must be a lower-case UUIDv7.") from error
    return About(about_id, Digest(check_digest(value["digest"])))


def _coded(value: dict[str, Any]) -> Code:
    if value.keys() != _CODED or type(value["code"]) is not str:
        raise ManifestInvalid("The members 'status' and 'reason' have exactly the string code.")
    return names.parse_code(value["code"])


def _traceparent(value: str) -> str:
    if not _TRACEPARENT.fullmatch(value):
        raise ManifestInvalid("The member 'traceparent' must follow W3C Trace Context.")
    return value


def _ext(value: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(value.items()))


def _ext_crit(value: list[Any]) -> tuple[str, ...]:
    if not value or not all(type(name) is str for name in value):
        raise ManifestInvalid("The member 'ext_crit' must be a list of names.")
    return tuple(value)


def _parts(value: list[Any]) -> tuple[PartSpec, ...]:
    if len(value) > PARTS_MAX:
        raise ManifestInvalid(f"The member 'parts' must be a list of at most {PARTS_MAX}.")
    return tuple(map(_part, value))


def _part(value: Any) -> PartSpec:
    if type(value) is not dict or value.keys() not in (_PART_ALL, _PART_NEEDS):
        raise ManifestInvalid("A part has the members name, type, size, commit and maybe schema.")
    size = value["size"]
    if type(size) is not int or not 0 <= size <= PART_BYTES_MAX:
        raise ManifestInvalid("A part's size must be an integer from 0 to 2^53-1.")
    name, media_type, commit = value["name"], value["type"], value["commit"]
    schema = value.get("schema", "")
    if not type(name) is type(media_type) is type(commit) is type(schema) is str:
        raise ManifestInvalid("A part's members name, type, commit and schema are strings.")
    if not _PART_NAME.fullmatch(name) or ".." in name:
        raise ManifestInvalid("A part's name must match [a-z0-9][a-z0-9._-]{0,63} without '..'.")
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise ManifestInvalid("A part's type must be type/subtype without parameters.")
    check_digest(commit)
    named = names.parse_fingerprint(schema) if "schema" in value else None
    return PartSpec(name, media_type, size, commit, named)


_ABOUT = frozenset({"id", "digest"})
_CODED = frozenset({"code"})
_PART_NEEDS = {"name", "type", "size", "commit"}
_PART_ALL = _PART_NEEDS | {"schema"}

_BUS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")  # a host name, which DNS bounds to 255
_PART_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TOKEN = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"  # RFC 6838 section 4.2
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}")
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)

_TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}
_MEMBERS: dict[str, tuple[str, type, Callable[[Any], Any]]] = {
    "v": ("v", int, _same),
    "bus": ("bus", str, _bus),
    "id": ("id", str, names.parse_message_id),
    "kind": ("kind", str, _same),
    "from": ("sender", str, names.parse_system_id),
    "to": ("to", str, names.parse_system_id),
    "service": ("service", str, names.parse_service_code),
    "created": ("created_ms", str, parse_time),
    "expires": ("expires_ms", str, parse_time),
    "purpose": ("purpose", str, names.parse_code),
    "about": ("about", dict, _about),
    "status": ("status", dict, _coded),
    "reason": ("reason", dict, _coded),
    "accepted": ("accepted", bool, _same),
    "topic": ("topic", str, names.parse_code),
    "transaction": ("transaction", str, names.parse_uuid),
    "test": ("test", bool, _test),
    "traceparent": ("traceparent", str, _traceparent),
    "ext": ("ext", dict, _ext),
    "ext_crit": ("ext_crit", list, _ext_crit),
    "parts": ("parts", list, _parts),
}
"""Member of the JSON → attribute, the one type it may have, and what reads its value."""


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

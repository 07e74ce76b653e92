"""Manifests that are wrong: each is one good manifest with one thing changed, and signed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.vectors import fixed
from tests.support.vectors.fixed import b64u
from tests.support.vectors.invalid_envelopes import Bad
from tests.support.vectors.messages import IAT_S, IDS, QUESTION, SCHEMA, base, kinds

INVALID = "manifest-invalid"
UNSUPPORTED = "unsupported-version"
ID = "message-id-invalid"

GONE = object()
"""Stands for a member that is left out."""

Fields = dict[str, Any]


def manifests() -> Iterator[Bad]:
    """Every way for a manifest to be wrong."""
    for source in (_top, _members_of_kinds, _values, _answers, _ext, _part_lists, _part_members):
        for name, payload, code in source():
            holder = next(m.holder for m in kinds() if m.name == "request")
            raw = fixed.jws(fixed.header(holder, IAT_S), payload, holder.key)
            yield Bad(f"manifest: {name}", "envelope", raw, code)


def _salt() -> bytes:
    return fixed.seed("salt of an invalid message")


def _parts() -> list[Fields]:
    return [QUESTION.spec(_salt())]


def _written(fields: Mapping[str, Any]) -> bytes:
    return fixed.compact({name: value for name, value in fields.items() if value is not GONE})


def _request(**changes: Any) -> bytes:
    renamed = {"from" if name == "sender" else name: value for name, value in changes.items()}
    return _written(base("request", 30) | {"parts": _parts()} | renamed)


def unchanged() -> bytes:
    """The good request that most of these change."""
    return _request()


def _top() -> Iterator[tuple[str, bytes, str]]:
    for name, payload in {"an array": b"[]", "a string": b'"v"', "null": b"null"}.items():
        yield name, payload, INVALID
    yield "no members", b"{}", INVALID
    for v in (2, 0, -1, 10, 2**53):
        yield f"v {v}", _request(v=v), UNSUPPORTED
    for v in ("1", True, None, 1.0, [1]):
        yield f"v {v!r}", _request(v=v), INVALID
    yield "v with an exponent", _request().replace(b'"v":1', b'"v":1e0'), INVALID
    for kind in ("refusal", "Request", "delivered", "", None, 1, ["request"]):
        yield f"kind {kind!r}", _request(kind=kind), INVALID
    for member in ("From", "subject", "case", "person", "text", "nbf", "status"):
        yield f"the unknown member {member}", _request(**{member: "x"}), INVALID
    yield "an unknown member that is not ASCII", _request(**{"\u202etest": 1}), INVALID


def _members_of_kinds() -> Iterator[tuple[str, bytes, str]]:
    """Each kind without each member it needs, and with each member it may not have."""
    samples = {message.name: _fields(message.payload) for message in kinds()}
    everywhere = {name: value for fields in samples.values() for name, value in fields.items()}
    optional = {"expires", "purpose"}
    for kind, fields in samples.items():
        for member in sorted(fields.keys() - optional):
            yield f"a {kind} without {member}", _written(fields | {member: GONE}), INVALID
        for member in sorted(everywhere.keys() - fields.keys()):
            payload = _written(fields | {member: everywhere[member]})
            yield f"a {kind} with {member}", payload, INVALID


def _fields(payload: bytes) -> Fields:
    """The members of a manifest that we wrote."""
    fields: Fields = json.loads(payload)
    return fields


SYSTEMS = {
    "three segments": "sx/GOV/1001",
    "five segments": "sx/GOV/1001/benefits/x",
    "an empty segment": "sx/GOV//benefits",
    "a slash at the end": "sx/GOV/1001/benefits/",
    "a slash at the start": "/sx/GOV/1001/benefits",
    "a segment of one dot": "sx/GOV/./benefits",
    "a segment of two dots": "sx/GOV/1001/..",
    "a first segment of three dots": ".../GOV/1001/benefits",
    "a percent sign": "sx/GOV/1001/b%65nefits",
    "a space": "sx/GOV/1001/ben efits",
    "an underscore": "sx/GOV/1001/ben_efits",
    "a backslash": "sx\\GOV\\1001\\benefits",
    "a colon": "sx:GOV:1001:benefits",
    "a hash": "sx/GOV/1001/#",
    "a letter that is not ASCII": "sx/GOV/1001/bénéfits",
    "a digit that is not ASCII": "sx/GOV/100\u0661/benefits",
    "a newline at the end": "sx/GOV/1001/benefits\n",
    "a zero byte": "sx/GOV/1001/benefits\0",
    "256 characters": "sx/GOV/1001/" + "b" * 244,
    "nothing in it": "",
}
SERVICES = {
    "an upper-case letter": "Person-status",
    "a digit first": "1person",
    "a hyphen first": "-person",
    "an underscore": "person_status",
    "a slash": "person/status",
    "65 characters": "p" * 65,
    "a version without a number": "person-status.v",
    "a version in words": "person-status.vtwo",
    "two versions": "person-status.v2.v3",
    "nothing in it": "",
}
CODES = {
    "an upper-case letter": "Child-benefit",
    "an underscore": "child_benefit",
    "a space": "child benefit",
    "65 characters": "c" * 65,
    "a letter that is not ASCII": "ch\u0456ld-benefit",
    "nothing in it": "",
}
TIMES = {
    "without milliseconds": "2026-11-22T06:40:00Z",
    "with microseconds": "2026-11-22T06:40:00.123000Z",
    "with a comma": "2026-11-22T06:40:00,123Z",
    "with an offset": "2026-11-22T06:40:00.123+00:00",
    "without a zone": "2026-11-22T06:40:00.123",
    "in lower case": "2026-11-22t06:40:00.123z",
    "with a space": "2026-11-22 06:40:00.123Z",
    "in the basic format": "20261122T064000.123Z",
    "in month 13": "2026-13-22T06:40:00.123Z",
    "on 29 February of a common year": "2026-02-29T06:40:00.123Z",
    "on day 0": "2026-11-00T06:40:00.123Z",
    "at hour 24": "2026-11-22T24:00:00.000Z",
    "at minute 60": "2026-11-22T06:60:00.123Z",
    "at a leap second": "2026-12-31T23:59:60.000Z",
    "in year 0": "0000-11-22T06:40:00.123Z",
    "before 1970": "1969-12-31T23:59:59.999Z",
    "with a year of five digits": "12026-11-22T06:40:00.123Z",
    "with digits that are not ASCII": "202\u0666-11-22T06:40:00.123Z",
    "with a newline": "2026-11-22T06:40:00.123Z\n",
    "with nothing in it": "",
}
NOT_UUID7 = {
    "in upper case": IDS[0].upper(),
    "in braces": "{" + IDS[0] + "}",
    "without hyphens": IDS[0].replace("-", ""),
    "as a URN": "urn:uuid:" + IDS[0],
    "of version 4": IDS[0].replace("-7cc0-", "-4cc0-"),
    "of another variant": IDS[0].replace("-98c4-", "-c8c4-"),
    "cut short": IDS[0][:-1],
    "with a newline": IDS[0] + "\n",
    "with nothing in it": "",
}
OTHER_TYPES: dict[str, Any] = {"null": None, "a number": 1, "an array": [], "an object": {}}


def _values() -> Iterator[tuple[str, bytes, str]]:
    """Values outside their grammar, and of another type."""
    for member in ("sender", "to"):
        for name, text in SYSTEMS.items():
            yield f"{_json_name(member)} with {name}", _request(**{member: text}), INVALID
    for name, text in SERVICES.items():
        yield f"service with {name}", _request(service=text), INVALID
    for name, text in CODES.items():
        yield f"purpose with {name}", _request(purpose=text), INVALID
    for name, text in TIMES.items():
        yield f"created {name}", _request(created=text), INVALID
    yield "expires without milliseconds", _request(expires=TIMES["without milliseconds"]), INVALID
    for name, text in NOT_UUID7.items():
        yield f"id {name}", _request(id=text), ID
    for name, text in {
        "in upper case": "0B54A5A8-7F4C-4F0A-9D55-0D6F6C8A1E11",
        "without hyphens": "0b54a5a87f4c4f0a9d550d6f6c8a1e11",
        "of free text": "case 4711",
    }.items():
        yield f"transaction {name}", _request(transaction=text), INVALID
    for text in ("sx example", "sx+example", "sx/example", "sx\n", ".example", "sx.exämple", ""):
        yield f"bus {text!r}", _request(bus=text), INVALID
    yield "bus of 256 characters", _request(bus="b" * 256), INVALID
    strings = [
        "bus",
        "id",
        "sender",
        "to",
        "service",
        "created",
        "expires",
        "purpose",
        "transaction",
        "traceparent",
    ]
    for member in strings:
        for name, value in OTHER_TYPES.items():
            label = f"{_json_name(member)} as {name}"
            yield label, _request(**{member: value}), INVALID
    yield from _flags_and_traces()


def _json_name(member: str) -> str:
    return "from" if member == "sender" else member


def _flags_and_traces() -> Iterator[tuple[str, bytes, str]]:
    for value in (False, None, 1, "true"):
        yield f"test {value!r}", _request(test=value), INVALID
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    for name, text in {
        "in upper case": f"00-{trace.upper()}-{span}-01",
        "of version ff": f"ff-{trace}-{span}-01",
        "with a trace of zeros": f"00-{'0' * 32}-{span}-01",
        "with a parent of zeros": f"00-{trace}-{'0' * 16}-01",
        "with more at its end": f"00-{trace}-{span}-01-x",
        "cut short": f"00-{trace}-{span}",
    }.items():
        yield f"traceparent {name}", _request(traceparent=text), INVALID


def _answers() -> Iterator[tuple[str, bytes, str]]:
    samples = {message.name: _fields(message.payload) for message in kinds()}
    about = samples["response"]["about"]
    for name, value in {
        "without id": {"digest": about["digest"]},
        "without digest": {"id": about["id"]},
        "with another member": about | {"kind": "request"},
        "as a string": about["id"],
        "as null": None,
        "with an id of version 4": about | {"id": NOT_UUID7["of version 4"]},
        "with an id that is null": about | {"id": None},
        "with a digest of 42 characters": about | {"digest": about["digest"][:42]},
        "with a digest with padding": about | {"digest": about["digest"] + "="},
        "with a digest with stray bits": about | {"digest": about["digest"][:42] + "B"},
        "with a digest in hexadecimal": about | {"digest": fixed.seed("digest").hex()},
        "with a digest that is a number": about | {"digest": 1},
    }.items():
        yield f"about {name}", _written(samples["response"] | {"about": value}), INVALID
    for kind, member in (("interim", "status"), ("rejection", "reason")):
        for name, value in {
            "as a string": "no-data",
            "without code": {},
            "with free text": {"code": "no-data", "text": "No such person."},
            "with a code that is a number": {"code": 1},
            "with a code in upper case": {"code": "NO-DATA"},
        }.items():
            payload = _written(samples[kind] | {member: value})
            yield f"{member} {name}", payload, INVALID
    for value in ("true", 1, None):
        payload = _written(samples["acknowledgement"] | {"accepted": value})
        yield f"accepted {value!r}", payload, INVALID
    for name, text in CODES.items():
        yield f"topic with {name}", _written(samples["event"] | {"topic": text}), INVALID


def _ext() -> Iterator[tuple[str, bytes, str]]:
    held = {"example.note": 1}
    for value in ([], "x", None, 1):
        yield f"ext {value!r}", _request(ext=value), INVALID
    for value in ([], "example.note", None, [1], {"example.note": 1}):
        yield f"ext_crit {value!r}", _request(ext=held, ext_crit=value), INVALID
    yield "ext_crit without ext", _request(ext_crit=["example.note"]), INVALID
    yield "ext_crit of a name that ext has not", _request(ext=held, ext_crit=["other"]), INVALID
    yield (
        "an unknown critical extension",
        _request(ext=held, ext_crit=["example.note"]),
        UNSUPPORTED,
    )


def _part_lists() -> Iterator[tuple[str, bytes, str]]:
    samples = {message.name: _fields(message.payload) for message in kinds()}
    for kind in ("request", "response", "event"):
        yield f"a {kind} of no parts", _written(samples[kind] | {"parts": []}), INVALID
    for value in (None, {}, "body", 1):
        yield f"parts {value!r}", _request(parts=value), INVALID
    many = [{**_parts()[0], "name": f"p{n}", "schema": GONE} for n in range(33)]
    for spec in many:
        del spec["schema"]
    yield "33 parts", _request(parts=many), INVALID
    yield "two parts of one name", _request(parts=_parts() * 2), INVALID
    for value in (None, [], "body"):
        yield f"a part that is {value!r}", _request(parts=[value]), INVALID


def _part_members() -> Iterator[tuple[str, bytes, str]]:
    good = _parts()[0]
    for member in ("name", "type", "size", "commit"):
        short = {name: value for name, value in good.items() if name != member}
        yield f"a part without {member}", _request(parts=[short]), INVALID
    for member in ("href", "encoding", "Name"):
        yield f"a part with {member}", _request(parts=[good | {member: "x"}]), INVALID
    for name, change in _part_changes(good):
        yield f"a part with {name}", _request(parts=[good | change]), INVALID
    empty = good | {"size": 0}
    minus = _request(parts=[empty]).replace(b'"size":0', b'"size":-0')
    yield "a part with size -0", minus, INVALID
    power = _request(parts=[empty]).replace(b'"size":0', b'"size":1e2')
    yield "a part with a size with an exponent", power, INVALID


def _part_changes(good: Fields) -> Iterator[tuple[str, Fields]]:
    for text in (
        "",
        ".x",
        "-x",
        "_x",
        "a..b",
        "..",
        "A",
        "a b",
        "a/b",
        "ä",
        "a%2f",
        "a\n",
        "p" * 65,
    ):
        yield f"the name {text!r}", {"name": text}
    types = [
        "json",
        "application/",
        "/json",
        "*/*",
        "a/b/c",
        "text/plain;charset=utf-8",
        "application/jsön",
    ]
    for text in (*types, "", "text/ plain", ".a/b", "a/+b", "a/" + "b" * 128):
        yield f"the type {text!r}", {"type": text}
    for size in (-1, 1.5, 412.0, 2**53, 10**30, "412", True, None):
        yield f"the size {size!r}", {"size": size}
    commit = good["commit"]
    for name, text in {
        "of 42 characters": commit[:42],
        "with padding": commit + "=",
        "with stray bits": commit[:42] + "B",
        "in standard base64": "+/" + commit[2:],
        "with a newline": commit + "\n",
    }.items():
        yield f"a commit {name}", {"commit": text}
    for name, text in {
        "in upper case": "sha256:" + SCHEMA[7:].upper(),
        "without its prefix": SCHEMA[7:],
        "of another hash": "sha512:" + SCHEMA[7:],
        "cut short": SCHEMA[:-1],
        "in base64url": "sha256:" + b64u(fixed.seed("schema")),
    }.items():
        yield f"a schema {name}", {"schema": text}
    for member in ("name", "type", "commit", "schema"):
        yield f"a {member} that is null", {member: None}
        yield f"a {member} that is a number", {member: 1}

"""Manifests: what is read comes back, and what is outside the closed set is refused.

Each way to be wrong is an entry of ``signing/vectors/invalid.json`` too; here are the properties.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import JsonInvalid, ManifestInvalid, SealwayError, UnsupportedVersion
from signing.manifest import KINDS, Manifest, encode_manifest, parse_manifest
from tests.support.published import published

SAMPLES = [m["manifest"].encode() for m in published("messages.json")]
KIND_SAMPLES = {json.loads(sample)["kind"]: json.loads(sample) for sample in SAMPLES[:7]}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
MEMBERS = sorted({name for fields in KIND_SAMPLES.values() for name in fields} | {"test", "ext"})


def written(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_comes_back_from_what_we_write(kind: str) -> None:
    manifest = parse_manifest(written(KIND_SAMPLES[kind]))
    assert manifest.kind == kind
    assert parse_manifest(encode_manifest(manifest)) == manifest


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(st.sampled_from(MEMBERS), JSON_VALUES, max_size=3),
)
def test_any_members_are_read_or_refused(kind: str, changes: dict[str, Any]) -> None:
    try:
        manifest = parse_manifest(written(KIND_SAMPLES[kind] | changes))
    except SealwayError:
        return
    assert parse_manifest(encode_manifest(manifest)) == manifest


@given(st.sampled_from(SAMPLES), st.data())
def test_a_manifest_with_bytes_changed_is_read_or_refused(
    sample: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(sample) - 1))
    changed = sample[:at] + data.draw(st.binary(max_size=3)) + sample[at + 1 :]
    try:
        manifest = parse_manifest(changed)
    except SealwayError:
        return
    assert isinstance(manifest, Manifest)


@given(st.text(min_size=1, max_size=12).filter(lambda name: name not in {*MEMBERS, "ext_crit"}))
def test_an_unknown_member_is_refused_without_repeating_what_a_terminal_would_obey(
    name: str,
) -> None:
    if name in ("transaction", "traceparent"):
        return
    with pytest.raises(ManifestInvalid) as refused:
        parse_manifest(written(KIND_SAMPLES["request"] | {name: 1}))
    assert refused.value.detail.isprintable()


def test_an_unknown_extension_is_ignored_and_a_critical_one_is_unsupported() -> None:
    fields = KIND_SAMPLES["request"] | {"ext": {"b": 1, "a": [2]}}
    assert parse_manifest(written(fields)).ext == (("a", [2]), ("b", 1))
    with pytest.raises(UnsupportedVersion):
        parse_manifest(written(fields | {"ext_crit": ["a"]}))


def test_another_version_is_unsupported_and_never_called_wrong() -> None:
    later = {"v": 2, "kind": "telepathy", "anything": None}
    with pytest.raises(UnsupportedVersion):
        parse_manifest(written(later))


def test_a_manifest_longer_than_an_envelope_is_refused_unread() -> None:
    with pytest.raises(JsonInvalid):
        parse_manifest(b" " * 7_169)


def test_an_answer_may_have_no_parts_and_a_request_may_not() -> None:
    assert parse_manifest(written(KIND_SAMPLES["rejection"] | {"parts": []})).parts == ()
    with pytest.raises(ManifestInvalid, match="at least one part"):
        parse_manifest(written(KIND_SAMPLES["request"] | {"parts": []}))


def test_thirty_two_parts_are_read_and_thirty_three_refused() -> None:
    part = KIND_SAMPLES["request"]["parts"][0]
    many = [part | {"name": f"p{number}"} for number in range(33)]
    assert len(parse_manifest(written(KIND_SAMPLES["request"] | {"parts": many[:32]})).parts) == 32
    with pytest.raises(ManifestInvalid):
        parse_manifest(written(KIND_SAMPLES["request"] | {"parts": many}))


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("9007199254740991", 2**53 - 1)])
def test_sizes_up_to_two_to_the_53_less_one_are_read(text: str, size: int) -> None:
    part = KIND_SAMPLES["request"]["parts"][0]
    fields = KIND_SAMPLES["request"] | {"parts": [part | {"size": 4711}]}
    raw = written(fields).replace(b"4711", text.encode())
    assert parse_manifest(raw).parts[0].size == size


@pytest.mark.parametrize("text", ["-0", "0.0", "0e0", "-1", "9007199254740992"])
def test_other_sizes_are_refused(text: str) -> None:
    part = KIND_SAMPLES["request"]["parts"][0]
    fields = KIND_SAMPLES["request"] | {"parts": [part | {"size": 4711}]}
    with pytest.raises(ManifestInvalid):
        parse_manifest(written(fields).replace(b"4711", text.encode()))


def test_minus_zero_in_an_extension_is_not_our_business() -> None:
    part = KIND_SAMPLES["request"]["parts"][0]
    fields = KIND_SAMPLES["request"] | {
        "parts": [part | {"size": 0}],
        "ext": {"a": ":-0,", "b": 4711},
    }
    assert parse_manifest(written(fields).replace(b"4711", b"-0")).parts[0].size == 0

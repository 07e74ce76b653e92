"""Strict JSON: one document, one reading."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import JsonInvalid
from signing.strict_json import integer_spellings, parse_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
LARGEST = 2**1024 - 2**971  # the largest double
HALFWAY = 2**1024 - 2**970  # rounds to infinity; one less rounds to the largest


def read(data: bytes, depth_max: int = 64) -> Any:
    return parse_json(data, depth_max=depth_max, bytes_max=100_000)


@given(VALUES)
def test_reads_what_the_standard_library_writes(value: Any) -> None:
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@given(st.binary(max_size=40) | st.text('{}[]",:0123456789eE+-.\\u dtrfalsn', max_size=30))
def test_anything_is_read_as_the_standard_library_reads_it_or_refused(data: bytes | str) -> None:
    raw = data.encode() if isinstance(data, str) else data
    try:
        value = read(raw)
    except JsonInvalid:
        return
    assert json.loads(raw.decode()) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"a":1,"a":2}}]',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"\xff"',
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"[1,]",
        b"{'a':1}",
        b'"\x1f"',
        b"\x0c[]",
        b"//\n[]",
    ],
)
def test_refuses_what_parsers_disagree_about(data: bytes) -> None:
    with pytest.raises(JsonInvalid):
        read(data)


@pytest.mark.parametrize(
    "text", ["1e400", "-1e400", "1E+400", "1e0309", str(HALFWAY), str(-HALFWAY)]
)
@pytest.mark.parametrize("around", ["%s", "[%s]", '{"a":{"b":[1,%s]}}'])
def test_refuses_a_number_beyond_a_double(text: str, around: str) -> None:
    with pytest.raises(JsonInvalid):
        read((around % text).encode())


@pytest.mark.parametrize("number", [LARGEST, HALFWAY - 1, -LARGEST, 2**53 + 1])
def test_reads_the_largest_numbers_of_a_double(number: int) -> None:
    assert read(str(number).encode()) == number
    assert read(b"1.7976931348623157e308") == float(LARGEST)


def test_a_duplicate_key_is_not_repeated_to_whoever_reads_the_error() -> None:
    with pytest.raises(JsonInvalid) as refused:
        read(b'{"38001085718":1,"38001085718":2}')
    assert "38001085718" not in refused.value.detail


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_counted_in_containers(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"

    def nested(depth: int) -> bytes:
        return opening * depth + b"1" + closing * depth

    assert read(nested(8), depth_max=8)
    with pytest.raises(JsonInvalid, match="deeper than 8"):
        read(nested(9), depth_max=8)
    with pytest.raises(JsonInvalid):
        read(nested(100_000 // len(opening) // 3), depth_max=199)


def test_braces_in_strings_are_no_depth() -> None:
    assert read(b'["[[[[[{{{{{"]', depth_max=1) == ["[[[[[{{{{{"]


def test_a_scalar_has_no_depth_and_many_siblings_no_more_than_one() -> None:
    assert read(b"1", depth_max=1) == 1
    assert read(b"[[],[],[],[]]", depth_max=2) == [[], [], [], []]


def test_refuses_more_bytes_than_asked_for() -> None:
    assert parse_json(b"[1]", depth_max=1, bytes_max=3) == [1]
    with pytest.raises(JsonInvalid, match="4 bytes"):
        parse_json(b"[1] ", depth_max=1, bytes_max=3)


def test_integer_spellings_tell_minus_zero_from_zero() -> None:
    assert integer_spellings(b'{"a":-0,"b":0,"c":1}') == {"a": "-0", "b": "0", "c": "1"}
    assert read(b"-0") == 0

"""Base64url, base64 and times: one spelling each."""

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.encoding import (
    b64_decode,
    b64_encode,
    b64url_decode,
    b64url_encode,
    check_digest,
    format_time,
    hmac_sha256,
    parse_time,
)
from signing.errors import EncodingInvalid

YEAR_9999_MS = 253_402_300_799_999


@given(st.binary(max_size=200))
def test_base64url_is_the_standard_librarys_without_padding(data: bytes) -> None:
    text = b64url_encode(data)
    assert text.encode() == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert b64url_decode(text) == data
    assert b64url_decode(text.encode()) == data


@given(st.text(max_size=12) | st.text("ABCDEFGHwxyz0189-_+/= \n", max_size=12))
def test_base64url_is_read_in_one_spelling_or_refused(text: str) -> None:
    try:
        data = b64url_decode(text)
    except EncodingInvalid:
        return
    assert b64url_encode(data) == text


@given(st.binary(max_size=12))
def test_any_bytes_as_base64url_are_read_in_one_spelling_or_refused(raw: bytes) -> None:
    try:
        data = b64url_decode(raw)
    except EncodingInvalid:
        return
    assert b64url_encode(data).encode() == raw


@pytest.mark.parametrize(
    "text", ["AA==", "AB", "AAB", "A", "AAAAA", "AA A", "A+/A", "AAA\n", "AÄA"]
)
def test_refuses_a_second_spelling_of_base64url(text: str) -> None:
    with pytest.raises(EncodingInvalid):
        b64url_decode(text)


def test_refuses_another_number_of_bytes_than_asked_for() -> None:
    assert b64url_decode("AAAA", 3) == bytes(3)
    with pytest.raises(EncodingInvalid, match="Expected 4 bytes"):
        b64url_decode("AAAA", 4)


@given(st.binary(min_size=32, max_size=32))
def test_a_digest_is_32_bytes_in_base64url(data: bytes) -> None:
    assert check_digest(b64url_encode(data)) == b64url_encode(data)


@given(st.text("AEIMQUYcgkosw048_-B=", min_size=42, max_size=44))
def test_a_digest_is_accepted_exactly_when_it_decodes_to_32_bytes(text: str) -> None:
    try:
        accepted = len(b64url_decode(text)) == 32
    except EncodingInvalid:
        accepted = False
    if accepted:
        assert check_digest(text) == text
    else:
        with pytest.raises(EncodingInvalid):
            check_digest(text)


@given(st.binary(max_size=100))
def test_base64_comes_back(data: bytes) -> None:
    assert b64_decode(b64_encode(data)) == data


@given(st.text(max_size=12) | st.text("ABCDwxyz01+/=-_ \n", max_size=12))
def test_base64_is_read_in_one_spelling_or_refused(text: str) -> None:
    try:
        data = b64_decode(text)
    except EncodingInvalid:
        return
    assert b64_encode(data) == text


@given(st.integers(0, YEAR_9999_MS))
def test_a_time_comes_back(ms: int) -> None:
    assert parse_time(format_time(ms)) == ms


def test_a_time_is_milliseconds_since_1970() -> None:
    assert parse_time("1970-01-01T00:00:00.001Z") == 1
    assert parse_time("2026-11-22T06:40:00.123Z") == 1_795_329_600_123


@given(st.text(max_size=30))
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(EncodingInvalid):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T24:00:00.000Z",
        "2026-02-29T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "2026-11-22T06:40:00.12Z",
        "2026-11-22T06:40:00.1234Z",
        "2026-11-22T06:40:00.123z",
        "2026-11-22T06:40:60.000Z",
        "0000-01-01T00:00:00.000Z",
    ],
)
def test_refuses_a_time_in_another_spelling_or_that_never_was(text: str) -> None:
    with pytest.raises(EncodingInvalid):
        parse_time(text)


@pytest.mark.parametrize("size", [0, 1, 2_046, 2_047, 2_048, 4_094, 16_384, 16_385, 40_000])
@pytest.mark.parametrize("key_bytes", [0, 32, 64])
def test_hmac_is_the_librarys(size: int, key_bytes: int) -> None:
    key, data = bytes(range(key_bytes)), b"\x5a" * size
    assert hmac_sha256(key, data) == hmac.digest(key, data, "sha256")

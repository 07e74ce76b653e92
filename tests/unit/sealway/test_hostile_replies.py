"""Whatever comes back, the SDK raises one of its own errors and keeps its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealway.cli.forms import FormUnknown, find_bare, find_message
from sealway.cli.output import clean
from sealway.connection import Connection
from sealway.errors import ProofFailed, Refused, SdkError
from sealway.exchange_rules import open_delivery
from sealway.pinned import Pinned
from sealway.serving import _leased
from sealway.steps import REPLY_BYTES_MAX, Call, Reply, json_of, object_of, problem_of
from sealway.trust import check_certificate, check_shard
from signing.log.note import NoteVerifier
from signing.message import DELIVERY_TYPE, FRAME_TYPE

LOG_0 = Pinned("sx.example", [NoteVerifier("sx.example/log/0", bytes(32))])
MEMBERS = st.sampled_from(["record", "receipt", "code", "errors", "lease", "id", "delivery"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(MEMBERS, inner),
    max_leaves=8,
)


def reply(status: int, value: object, kind: str = "application/problem+json") -> Reply:
    return Reply(status, {"content-type": kind}, json.dumps(value).encode())


@given(st.binary(max_size=300))
def test_bytes_that_are_no_delivery_prove_nothing(data: bytes) -> None:
    with pytest.raises(ProofFailed):
        open_delivery(data)


@given(st.binary(max_size=300))
def test_bytes_in_a_file_are_a_message_or_unknown(data: bytes) -> None:
    for headers in ({}, {"content-type": DELIVERY_TYPE}, {"content-type": FRAME_TYPE}):
        try:
            found = find_message(headers, data) if headers else find_bare(data)
        except FormUnknown:
            continue
        assert isinstance(found.envelope, bytes)


@given(JSON)
def test_a_problem_is_always_a_refusal(value: object) -> None:
    refused = problem_of(reply(400, value))
    assert isinstance(refused, Refused)
    assert all(isinstance(error, dict) for error in refused.errors)
    with pytest.raises(SdkError):
        object_of(reply(503, value))


@given(JSON)
def test_no_json_proves_a_key(value: object) -> None:
    members = value if isinstance(value, dict) else {"record": value, "receipt": value}
    with pytest.raises(ProofFailed):
        check_certificate(LOG_0, "x", members)  # type: ignore[arg-type]
    with pytest.raises(ProofFailed):
        check_shard(LOG_0, 1, "sx.example/log/1", members)


@given(JSON)
def test_a_lease_is_whole_or_refused(value: object) -> None:
    with pytest.raises(ProofFailed):
        _leased(value)


@given(st.text())
def test_cleaned_text_cannot_move_the_cursor(text: str) -> None:
    assert not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in clean(text))
    assert "\u202e" not in clean(text)


def test_json_with_two_readings_is_not_read() -> None:
    with pytest.raises(ProofFailed):
        json_of(Reply(200, {}, b'{"a":1,"a":2}'))


def test_a_reply_beyond_the_limit_is_dropped_while_it_arrives() -> None:
    sent: list[int] = []

    def pieces() -> Iterator[bytes]:
        while True:
            sent.append(65536)
            yield bytes(65536)

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=pieces())

    connection = Connection("http://bus.test", transport=httpx.MockTransport(handle))
    with pytest.raises(ProofFailed, match="beyond every limit"):
        connection.call(Call("GET", "/"))
    connection.close()
    assert sum(sent) <= REPLY_BYTES_MAX + 2 * 65536


def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(302, headers={"location": "http://elsewhere.test/"})

    connection = Connection("http://bus.test", transport=httpx.MockTransport(handle))
    with pytest.raises(ProofFailed):
        object_of(connection.call(Call("GET", "/v1/mailbox")))
    connection.close()
    assert seen == ["http://bus.test/v1/mailbox"]

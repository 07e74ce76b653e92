"""A small authority: what it grants is proven by the verifier of others' time-stamps."""

import pytest

from exchange.witnessing.time_stamping import (
    REQUEST_BYTES_MAX,
    Credentials,
    issue,
    new_credentials,
    parse_request,
)
from signing.errors import ProofInvalid
from signing.timestamps import timestamp_request, verify_timestamp

DATA, NOW_MS, DAY_MS = b"sx.example/log/0\n7\n", 1_795_000_000_700, 86_400_000


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return new_credentials("Time", NOW_MS - DAY_MS, NOW_MS + DAY_MS)


def test_what_it_grants_is_proven_under_its_root(credentials: Credentials) -> None:
    asked = timestamp_request(DATA)
    response = issue(parse_request(asked.body), credentials, NOW_MS, serial=7)
    stamp = verify_timestamp(response, DATA, [credentials.root], asked.nonce)
    assert (stamp.at_ms, stamp.accuracy_ms, stamp.serial) == (NOW_MS - 700, 1_000, 7)
    other = new_credentials("Time", NOW_MS - DAY_MS, NOW_MS + DAY_MS)
    with pytest.raises(ProofInvalid, match="pinned root"):
        verify_timestamp(response, DATA, [other.root], asked.nonce)


def test_a_request_is_read_strictly() -> None:
    body = timestamp_request(DATA).body
    sha256, sha512 = (
        bytes.fromhex("0609608648016503040201"),
        bytes.fromhex("0609608648016503040203"),
    )
    assert body.count(sha256) == 1
    for wrong in (
        b"",
        b"\x30\x00",
        body[:-1],
        body + b"\x00",
        body.replace(sha256, sha512),
        b"\x30" * (REQUEST_BYTES_MAX + 1),
    ):
        with pytest.raises(ProofInvalid):
            parse_request(wrong)

"""Records: the bus's own signed statements."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import (
    CertificateUnknown,
    ManifestInvalid,
    SealwayError,
    SignatureInvalid,
    UnsupportedVersion,
)
from signing.jws import RECORD, RECORD_BYTES_MAX, decode_jws
from signing.records import (
    Record,
    decode_record,
    object_hash,
    parse_record,
    sign_record,
    verify_record,
)
from tests.support.published import published
from tests.support.signers import NOW_MS, KnownParties, party

BUS = party()
PAYLOADS = [record["payload"].encode() for record in published("records.json")]
MEMBERS = ("v", "k", "at", "actor", "role", "act", "about", "before", "after", "approvals", "other")


def record(**members: Any) -> Record:
    fields = {"k": "registry", "at_ms": NOW_MS, "actor": "bus", "role": "bus"}
    said = {"act": "member-added", "noun": "member", "key": "sx/GOV/1001"}
    return Record(**(fields | said | members))


@pytest.mark.parametrize(
    "one",
    [
        record(),
        record(after={"id": "sx/GOV/1001", "name": "Hüvitised"}),
        record(before=object_hash({}), after={}),
        record(k="heads", after=[{"n": 1, "size": 0, "root": object_hash([])}]),
        record(k="expired"),
    ],
)
def test_a_record_comes_back_verified(one: Record) -> None:
    raw = sign_record(one, BUS.signer)
    verified = verify_record(raw, KnownParties(BUS))
    assert verified.record == decode_record(raw) == one
    assert (verified.raw, verified.certificate) == (raw, BUS.known)
    assert decode_jws(raw, RECORD).iat_s == NOW_MS // 1000


def test_a_record_may_hold_a_whole_schema() -> None:
    one = record(after={"text": "x" * 500_000})
    raw = sign_record(one, BUS.signer)
    assert len(raw) <= RECORD_BYTES_MAX
    assert verify_record(raw, KnownParties(BUS)).record == one


def test_refuses_a_record_of_another_key() -> None:
    raw = sign_record(record(), BUS.signer)
    with pytest.raises(CertificateUnknown):
        verify_record(raw, KnownParties(party()))
    signing_input, _, _ = raw.rpartition(b".")
    _, _, other = sign_record(record(act="member-changed"), BUS.signer).rpartition(b".")
    with pytest.raises(SignatureInvalid):
        verify_record(signing_input + b"." + other, KnownParties(BUS))


def test_another_version_is_unsupported() -> None:
    fields = json.loads(PAYLOADS[0])
    with pytest.raises(UnsupportedVersion):
        parse_record(json.dumps(fields | {"v": 2}).encode())


@pytest.mark.parametrize("payload", PAYLOADS)
@given(
    name=st.sampled_from(MEMBERS),
    value=st.none() | st.booleans() | st.integers() | st.text(max_size=5),
)
def test_a_record_with_a_member_changed_is_read_or_refused(
    payload: bytes, name: str, value: object
) -> None:
    try:
        parsed = parse_record(json.dumps(json.loads(payload) | {name: value}).encode())
    except SealwayError:
        return
    assert isinstance(parsed, Record)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_record_or_refused(data: bytes) -> None:
    for read in (parse_record, decode_record):
        with pytest.raises(SealwayError):
            read(data)


def test_an_object_hash_does_not_depend_on_the_order_of_members() -> None:
    assert object_hash({"a": 1, "b": 2}) == object_hash({"b": 2, "a": 1})
    assert object_hash({"a": 1}) != object_hash({"a": 2})


def test_a_missing_member_is_refused() -> None:
    fields = json.loads(PAYLOADS[0])
    del fields["approvals"]
    with pytest.raises(ManifestInvalid):
        parse_record(json.dumps(fields).encode())

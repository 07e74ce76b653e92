"""Parts, commitments, frames and the delivery form; composing a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.compose import Composed, PartIn, answer_draft, compose
from signing.envelope import verify_envelope
from signing.errors import CommitmentMismatch, FrameMalformed, PartMissing
from signing.identifiers import Code, ServiceCode, new_message_id
from signing.manifest import Manifest
from signing.message import (
    Parts,
    check_parts,
    encode_delivery,
    encode_frame,
    frame_size,
    new_salt,
    parse_delivery,
    parse_frame,
    parse_frame_head,
    part_commitment,
    part_key,
)
from tests.support.signers import BENEFITS, NOW_MS, REGISTRY, KnownParties, party

SENDER = party()
SALT = bytes(range(32))
DATA = st.lists(st.binary(max_size=40), max_size=32)


def draft() -> Manifest:
    return Manifest(
        bus="sx.example",
        id=new_message_id(NOW_MS),
        kind="request",
        sender=BENEFITS,
        to=REGISTRY,
        service=ServiceCode("person-status"),
        created_ms=NOW_MS,
        parts=(),
    )


def composed(*data: bytes) -> Composed:
    parts = [PartIn(piece, f"part-{number}") for number, piece in enumerate(data)]
    return compose(draft(), parts, SENDER.signer)


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32), DATA)
def test_a_frame_comes_back(envelope: bytes, salt: bytes, data: list[bytes]) -> None:
    parts = Parts(salt, tuple(data))
    frame = encode_frame(envelope, parts)
    assert parse_frame(frame) == (envelope, parts)
    assert parse_frame_head(frame) == (envelope, 8 + len(envelope))
    assert frame_size(len(envelope), [len(piece) for piece in data]) == len(frame)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_frame_in_one_spelling_or_refused(data: bytes) -> None:
    try:
        envelope, parts = parse_frame(data)
    except FrameMalformed:
        return
    assert encode_frame(envelope, parts) == data


@given(st.binary(max_size=20), DATA, st.data())
def test_a_frame_cut_anywhere_is_refused_or_has_fewer_parts(
    envelope: bytes, data: list[bytes], draw: st.DataObject
) -> None:
    frame = encode_frame(envelope, Parts(SALT, tuple(data)))
    cut = frame[: draw.draw(st.integers(0, len(frame) - 1))]
    try:
        _, parts = parse_frame(cut)
    except FrameMalformed:
        return
    assert len(parts.data) < len(data)


@given(st.text(max_size=50), st.binary(max_size=50))
def test_a_delivery_comes_back(receipt: str, frame: bytes) -> None:
    assert parse_delivery(encode_delivery(receipt, frame)) == (receipt, frame)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_delivery_in_one_spelling_or_refused(data: bytes) -> None:
    try:
        receipt, frame = parse_delivery(data)
    except FrameMalformed:
        return
    assert encode_delivery(receipt, frame) == data


def test_refuses_a_33rd_part_and_an_envelope_beyond_its_limit() -> None:
    assert len(parse_frame(encode_frame(b"e", Parts(SALT, (b"",) * 32)))[1].data) == 32
    with pytest.raises(FrameMalformed, match="at most 32 parts"):
        parse_frame(encode_frame(b"e", Parts(SALT, (b"",) * 33)))
    with pytest.raises(FrameMalformed, match="at most 7168"):
        parse_frame(encode_frame(bytes(7_169), Parts(SALT, ())))


def test_refuses_a_receipt_beyond_its_limit() -> None:
    assert parse_delivery(encode_delivery("r" * 16_384, b""))[1] == b""
    with pytest.raises(FrameMalformed):
        parse_delivery(encode_delivery("r" * 16_385, b""))


def test_parts_that_were_promised_are_accepted() -> None:
    message = composed(b"one", b"", b"three")
    assert check_parts(message.manifest, message.parts) is message.parts


@pytest.mark.parametrize("data", [(), (b"one",), (b"one", b"two", b"")])
def test_another_number_of_parts_is_part_missing(data: tuple[bytes, ...]) -> None:
    message = composed(b"one", b"two")
    with pytest.raises(PartMissing):
        check_parts(message.manifest, Parts(message.parts.salt, data))


@pytest.mark.parametrize(
    "data", [(b"two", b"one"), (b"one", b"twx"), (b"one", b"two\n"), (b"one", b"")]
)
def test_other_bytes_than_promised_are_a_commitment_mismatch(data: tuple[bytes, ...]) -> None:
    message = composed(b"one", b"two")
    with pytest.raises(CommitmentMismatch):
        check_parts(message.manifest, Parts(message.parts.salt, data))


def test_another_salt_is_a_commitment_mismatch() -> None:
    message = composed(b"one")
    with pytest.raises(CommitmentMismatch):
        check_parts(message.manifest, Parts(new_salt(), message.parts.data))


def test_a_salt_cut_short_of_its_zeros_is_refused_although_hmac_would_take_it() -> None:
    salt = bytes(31 * [7]) + b"\0"
    message = compose(draft(), [PartIn(b"one")], SENDER.signer, salt)
    assert part_commitment(salt[:31], "body", b"one") == message.manifest.parts[0].commit
    with pytest.raises(CommitmentMismatch, match="32 bytes"):
        check_parts(message.manifest, Parts(salt[:31], (b"one",)))


def test_each_part_has_a_key_of_its_own() -> None:
    assert part_key(SALT, "body") != part_key(SALT, "context")
    assert part_commitment(SALT, "a", b"x") != part_commitment(SALT, "b", b"x")
    assert part_commitment(SALT, "a", b"x") != part_commitment(new_salt(), "a", b"x")


def test_parts_show_their_sizes_and_not_their_bytes() -> None:
    shown = repr(Parts(SALT, (b"38001085718", b"")))
    assert shown == "Parts(2 parts, 11 bytes)"


def test_a_composed_message_verifies_and_its_frame_carries_it() -> None:
    message = composed(b'{"a":1}')
    raw, parts = parse_frame(message.frame)
    verified = verify_envelope(raw, KnownParties(SENDER))
    assert verified.manifest == message.manifest
    assert verified.digest == message.digest
    assert verified.iat_s == NOW_MS // 1000
    assert check_parts(verified.manifest, parts) == message.parts


def test_two_messages_of_the_same_bytes_share_no_commitment() -> None:
    one, two = composed(b"same"), composed(b"same")
    assert one.manifest.parts[0].commit != two.manifest.parts[0].commit


def test_an_answer_mirrors_the_request_and_is_bound_to_it() -> None:
    request = composed(b"?")
    answer = answer_draft(
        request.manifest, request.digest, "rejection", NOW_MS + 5, Code("no-data")
    )
    sealed = compose(answer, [], SENDER.signer)
    manifest = verify_envelope(sealed.envelope, KnownParties(SENDER)).manifest
    assert (manifest.sender, manifest.to) == (REGISTRY, BENEFITS)
    assert manifest.service == request.manifest.service
    assert manifest.about is not None
    assert (manifest.about.id, manifest.about.digest) == (request.manifest.id, request.digest)
    assert manifest.reason == "no-data"

"""The grammar of names."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import identifiers as names
from signing.errors import IdentifierInvalid, MessageIdInvalid
from signing.identifiers import MessageId, SystemId

SEGMENT = st.text("ABCxyz019'()+,.=?-", min_size=1, max_size=20)
NOW_MS = 1_795_329_600_123


def legal(segment: str) -> bool:
    return set(segment) != {"."}


@given(st.lists(SEGMENT, min_size=1, max_size=6))
def test_a_system_has_four_segments_none_made_of_dots_only(segments: list[str]) -> None:
    text = "/".join(segments)
    if len(segments) == 4 and all(map(legal, segments)):
        assert names.parse_system_id(text) == text
    else:
        with pytest.raises(IdentifierInvalid):
            names.parse_system_id(text)


@given(st.lists(SEGMENT, min_size=1, max_size=4))
def test_a_member_has_three_segments(segments: list[str]) -> None:
    text = "/".join(segments)
    if len(segments) == 3 and all(map(legal, segments)):
        assert names.parse_member_id(text) == text
    else:
        with pytest.raises(IdentifierInvalid):
            names.parse_member_id(text)


@pytest.mark.parametrize("character", list('%_ /\\:;@&*"<>[]{}|^`~#!$\n\0é\u0660'))
def test_no_segment_holds_a_character_of_another_meaning(character: str) -> None:
    with pytest.raises(IdentifierInvalid):
        names.parse_system_id(f"sx/GOV/1001/be{character}nefits")


def test_a_system_has_at_most_255_bytes() -> None:
    longest = "sx/GOV/1001/" + "b" * 243
    assert names.parse_system_id(longest) == longest
    with pytest.raises(IdentifierInvalid):
        names.parse_system_id(longest + "b")


@pytest.mark.parametrize("text", ["sx", "SX.1", ".sx", "sx."])
def test_an_instance_is_one_segment(text: str) -> None:
    assert names.parse_instance(text) == text


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a b", "%"])
def test_refuses_an_instance_that_is_not(text: str) -> None:
    with pytest.raises(IdentifierInvalid):
        names.parse_instance(text)


@pytest.mark.parametrize("text", ["p", "person-status", "person-status.v2", "p" * 64, "a--b"])
def test_accepts_a_service_code(text: str) -> None:
    assert names.parse_service_code(text) == text


@pytest.mark.parametrize(
    "text", ["", "P", "1p", "-p", "p_q", "p" * 65, "p.v", "p.2", "p.v2.v2", "p\n"]
)
def test_refuses_what_is_no_service_code(text: str) -> None:
    with pytest.raises(IdentifierInvalid):
        names.parse_service_code(text)


@pytest.mark.parametrize("text", ["a", "0", "child-benefit", "a.b", "c" * 64])
def test_accepts_a_code(text: str) -> None:
    assert names.parse_code(text) == text


@pytest.mark.parametrize("text", ["", "A", "a_b", "a b", "c" * 65, "a\n", "é"])
def test_refuses_what_is_no_code(text: str) -> None:
    with pytest.raises(IdentifierInvalid):
        names.parse_code(text)


def test_a_fingerprint_is_a_named_hash_in_lower_case() -> None:
    good = "sha256:" + "0af9" * 16
    assert names.parse_fingerprint(good) == good
    for bad in (good.upper(), good[:-1], good + "0", good[7:], ""):
        with pytest.raises(IdentifierInvalid):
            names.parse_fingerprint(bad)


@given(st.uuids())
def test_any_uuid_is_read_in_lower_case_with_hyphens(value: uuid.UUID) -> None:
    assert names.parse_uuid(str(value)) == str(value)
    with pytest.raises(IdentifierInvalid):
        names.parse_uuid(value.hex)


@given(st.uuids())
def test_a_message_id_is_a_uuid_of_version_7(value: uuid.UUID) -> None:
    text = str(value)
    if value.version == 7 and value.variant == uuid.RFC_4122:
        assert names.parse_message_id(text) == text
    else:
        with pytest.raises(MessageIdInvalid):
            names.parse_message_id(text)


@given(st.integers(0, 2**48 - 1))
def test_a_new_message_id_carries_its_time(now_ms: int) -> None:
    message_id = names.new_message_id(now_ms)
    assert names.parse_message_id(message_id) == message_id
    assert names.message_time_ms(message_id) == now_ms
    assert names.message_id_bytes(message_id) == uuid.UUID(message_id).bytes


def test_message_ids_of_one_millisecond_differ() -> None:
    assert len({names.new_message_id(NOW_MS) for _ in range(100)}) == 100


def test_refuses_a_message_id_in_another_spelling() -> None:
    good = names.new_message_id(NOW_MS)
    for bad in (good.upper(), f"{{{good}}}", good.replace("-", ""), good[:-1], good + "\n", ""):
        with pytest.raises(MessageIdInvalid):
            names.parse_message_id(bad)


def test_names_that_differ_only_in_case_fold_to_one_key() -> None:
    assert names.fold("sx/GOV/1001/Benefits") == names.fold("SX/gov/1001/benefits")
    assert names.fold("sx/GOV/1001/benefits") != names.fold("sx/GOV/1002/benefits")


def test_a_systems_member_is_its_first_three_segments() -> None:
    assert names.member_of(SystemId("sx/GOV/1001/benefits")) == "sx/GOV/1001"


def test_the_time_of_the_documents_example_is_read() -> None:
    example = MessageId("01a201fb-aa7b-7cc0-98c4-dc0c0c07398f")
    assert names.message_time_ms(example) == NOW_MS

"""``signing/vectors/invalid.json``: our readers refuse each entry with the code it names."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from signing.encoding import parse_time
from signing.envelope import VerifiedEnvelope, check_in_force, verify_envelope
from signing.errors import SealwayError
from signing.log.checkpoint import verify_checkpoint
from signing.log.leaf import parse_leaf
from signing.log.note import NoteVerifier, parse_verifier_key, verify_note
from signing.message import check_parts, parse_delivery, parse_frame
from signing.receipts import verify_message_receipt
from signing.records import verify_record
from signing.tokens import Call, verify_token
from tests.support.published import Directory, entry_bytes, published

INVALID = published("invalid.json")


@cache
def directory() -> Directory:
    return Directory()


def log_1() -> NoteVerifier:
    return parse_verifier_key(published("log.json")["verifier_key"])


def read_message(data: bytes) -> VerifiedEnvelope:
    raw, parts = parse_frame(data)
    envelope = verify_envelope(raw, directory())
    check_parts(envelope.manifest, parts)
    return envelope


def read_message_in_force(data: bytes) -> None:
    check_in_force(read_message(data).certificate, parse_time(published("keys.json")["now"]))


def read_delivery(data: bytes) -> None:
    _, frame = parse_delivery(data)
    read_message(frame)


def read_token(data: bytes) -> None:
    verify_token(data.decode(), Call(**INVALID["call"]), directory(), INVALID["now_s"])


def read_receipt(data: bytes) -> None:
    name = INVALID["receipts_are_for"]
    message = next(m for m in published("messages.json") if m["name"] == name)
    envelope = verify_envelope(message["envelope"].encode(), directory())
    verify_message_receipt(data.decode(), envelope, log_1())


READERS: dict[str, Callable[[bytes], Any]] = {
    "envelope": lambda data: verify_envelope(data, directory()),
    "message": read_message,
    "message-in-force": read_message_in_force,
    "delivery": read_delivery,
    "token": read_token,
    "record": lambda data: verify_record(data, directory()),
    "leaf": parse_leaf,
    "note": lambda data: verify_note(data.decode(), log_1()),
    "checkpoint": lambda data: verify_checkpoint(data.decode(), log_1()),
    "receipt": read_receipt,
    "verifier-key": lambda data: parse_verifier_key(data.decode()),
}


@pytest.mark.parametrize("entry", INVALID["entries"], ids=lambda entry: entry["name"])
def test_is_refused_with_the_code_it_names(entry: dict[str, str]) -> None:
    with pytest.raises(SealwayError) as refused:
        READERS[entry["form"]](entry_bytes(entry))
    assert refused.value.code == entry["code"]


def test_each_way_to_be_wrong_is_named_once() -> None:
    names = [entry["name"] for entry in INVALID["entries"]]
    assert len(set(names)) == len(names)

"""Bytes at rest: open to what was sealed, and to nothing when anything was altered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.at_rest import (
    CHUNK_BYTES,
    EpochKeys,
    EpochUnknown,
    SealedContent,
    SealedEnvelope,
    StoredInvalid,
    open_content,
    open_envelope,
    seal_content,
    seal_envelope,
)
from signing.message import Parts

EPOCHS = EpochKeys(2, {1: b"1" * 32, 2: b"2" * 32})
ID = bytes(range(16))
LEAF_SALT = b"s" * 32
SALT = b"p" * 32


def flipped(data: bytes, at: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@given(st.binary(max_size=300))
def test_an_envelope_comes_back_with_its_leaf_salt(envelope: bytes) -> None:
    sealed = seal_envelope(envelope, ID, LEAF_SALT, EPOCHS)
    assert open_envelope(sealed, ID, EPOCHS) == (envelope, LEAF_SALT)
    assert sealed.key[:4] == b"\0\0\0\2"


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_content_comes_back(data: list[bytes]) -> None:
    parts = Parts(SALT, tuple(data))
    sealed = seal_content(parts, ID, EPOCHS)
    assert open_content(sealed, [len(piece) for piece in data], ID, EPOCHS) == parts


@pytest.mark.parametrize("total", [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_content_comes_back_at_the_edges_of_a_chunk(total: int) -> None:
    parts = Parts(SALT, (bytes(100), bytes(total - 132)))
    sealed = seal_content(parts, ID, EPOCHS)
    assert open_content(sealed, [100, total - 132], ID, EPOCHS) == parts
    assert len(sealed.data) == total + 16 * (-(-total // CHUNK_BYTES))


@given(st.integers(0, 1_000))
def test_an_altered_envelope_does_not_open(at: int) -> None:
    sealed = seal_envelope(b"envelope", ID, LEAF_SALT, EPOCHS)
    altered = [
        replace(sealed, data=flipped(sealed.data, at)),
        replace(sealed, key=flipped(sealed.key, at)),
        replace(sealed, leaf_salt=flipped(sealed.leaf_salt, at)),
        replace(sealed, data=sealed.data[:-1]),
    ]
    for one in altered:
        with pytest.raises(StoredInvalid):
            open_envelope(one, ID, EPOCHS)


@given(st.integers(0, 1_000))
def test_altered_content_does_not_open(at: int) -> None:
    sealed = seal_content(Parts(SALT, (b"part",)), ID, EPOCHS)
    for one in (
        replace(sealed, data=flipped(sealed.data, at)),
        replace(sealed, key=flipped(sealed.key, at)),
    ):
        with pytest.raises(StoredInvalid):
            open_content(one, [4], ID, EPOCHS)


def test_what_was_stored_for_one_message_opens_for_no_other() -> None:
    other = bytes(16)
    with pytest.raises(StoredInvalid):
        open_envelope(seal_envelope(b"e", ID, LEAF_SALT, EPOCHS), other, EPOCHS)
    with pytest.raises(StoredInvalid):
        open_content(seal_content(Parts(SALT, (b"p",)), ID, EPOCHS), [1], other, EPOCHS)


def test_content_cut_at_a_chunk_does_not_open_nor_with_chunks_in_another_order() -> None:
    size = 2 * CHUNK_BYTES
    sealed = seal_content(Parts(SALT, (bytes(size),)), ID, EPOCHS)
    step = CHUNK_BYTES + 16
    one, two, rest = sealed.data[:step], sealed.data[step : 2 * step], sealed.data[2 * step :]
    for data, length in ((one + two, size - 32), (two + one + rest, size), (one, step), (b"", 0)):
        with pytest.raises(StoredInvalid):
            open_content(replace(sealed, data=data), [length], ID, EPOCHS)


def test_content_of_another_length_than_its_manifest_says_is_refused() -> None:
    sealed = seal_content(Parts(SALT, (b"part",)), ID, EPOCHS)
    for sizes in ([3], [5], [], [4, 1]):
        with pytest.raises(StoredInvalid, match="as long as"):
            open_content(sealed, sizes, ID, EPOCHS)


def test_a_key_of_an_earlier_epoch_opens_while_that_epochs_key_is_held() -> None:
    before = EpochKeys(1, {1: b"1" * 32})
    sealed = seal_envelope(b"envelope", ID, LEAF_SALT, before)
    assert open_envelope(sealed, ID, EPOCHS)[0] == b"envelope"
    with pytest.raises(EpochUnknown):
        open_envelope(sealed, ID, EpochKeys(2, {2: b"2" * 32}))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_as_stored_open_or_are_refused(data: bytes, key: bytes) -> None:
    for wrapped in (key, b"\0\0\0\2" + key):
        with pytest.raises(StoredInvalid):
            open_envelope(SealedEnvelope(data, wrapped, b""), ID, EPOCHS)
        with pytest.raises(StoredInvalid):
            open_content(SealedContent(data, wrapped), [1], ID, EPOCHS)


def test_the_same_bytes_sealed_twice_share_nothing() -> None:
    one, two = (seal_envelope(b"same", ID, LEAF_SALT, EPOCHS) for _ in range(2))
    assert one.data != two.data
    assert one.key != two.key


def test_epoch_keys_do_not_show_themselves() -> None:
    assert repr(EPOCHS) == "EpochKeys(current=2, epochs=[1, 2])"

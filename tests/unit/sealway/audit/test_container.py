"""The container: one shape, and every other one refused before anything is read from it."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealway.audit.container import (
    FILE_BYTES_MAX,
    RATIO_MAX,
    Container,
    ContainerWriter,
    Entry,
    is_name,
)
from sealway.audit.errors import BundleRefused
from tests.support.evidence import packed

FILES = [("log/0/checkpoint", b"note"), ("log/1/000000000000.leaves", b"x" * 300), ("a", b"")]
GOOD = packed(FILES)


def opened(data: bytes) -> dict[str, bytes]:
    container = Container(io.BytesIO(data))
    return {name: container.read(name) for name in container.names()}


def test_what_was_put_in_comes_out_and_an_ordinary_tool_agrees() -> None:
    assert list(opened(GOOD).items()) == FILES
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        assert archive.testzip() is None
        assert [(one.filename, archive.read(one)) for one in archive.infolist()] == FILES


def test_the_same_files_give_the_same_bytes() -> None:
    assert packed(FILES) == GOOD


def test_a_name_is_of_the_grammar_or_it_is_none() -> None:
    assert all(is_name(name) for name in ("inventory.jws", "log/1/000.leaves", "anchors/1.note"))
    bad = ["", "/a", "a/", "../a", "a/../b", "a//b", "A", "a\\b", "c:a", "a b", "é", "a..b", ".a"]
    assert not any(is_name(name) for name in [*bad, "a" * 65, "a\x00", "a\n", "a/b/c/d/e"])


def zipped(make: Callable[[zipfile.ZipFile], None]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        make(archive)
    return out.getvalue()


def plain(name: str, kind: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr = 3, kind << 16
    return info


def test_what_zipfile_makes_of_a_plain_file_is_taken() -> None:
    assert opened(zipped(lambda one: one.writestr(plain("a"), b"hello"))) == {"a": b"hello"}


def deflated(one: zipfile.ZipFile, size: int) -> None:
    info = plain("a")
    info.compress_type = zipfile.ZIP_DEFLATED
    one.writestr(info, bytes(size))


def test_a_packed_file_is_taken_up_to_the_ratio() -> None:
    assert opened(zipped(lambda one: deflated(one, 400)))["a"] == bytes(400)
    with pytest.raises(BundleRefused, match="more than a file"):
        opened(zipped(lambda one: deflated(one, RATIO_MAX * 10_000)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda one: one.writestr(plain("../a"), b"x"), "grammar"),
        (lambda one: one.writestr(plain("/etc/passwd"), b"x"), "grammar"),
        (lambda one: one.writestr(plain("a/../../b"), b"x"), "grammar"),
        (lambda one: one.writestr(plain("a", 0o120777), b"/etc/passwd"), "plain file"),
        (lambda one: one.writestr(plain("a", 0o040755), b""), "plain file"),
        (lambda one: one.writestr(plain("a", 0o104755), b"x"), "plain file"),
        (lambda one: [one.writestr(plain("a"), b"x") for _ in range(2)], "Two files"),
        (lambda one: one.writestr(zipfile.ZipInfo("a", (2026, 1, 1, 0, 0, 0)), b""), "plain file"),
        (lambda one: setattr(one, "comment", b"hello"), "behind its end"),
    ],
)
def test_refuses_what_has_another_shape(make: Callable[[zipfile.ZipFile], None], said: str) -> None:
    with pytest.raises(BundleRefused, match=said):
        opened(zipped(make))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_other_methods(method: int) -> None:
    def make(one: zipfile.ZipFile) -> None:
        info = plain("a")
        info.compress_type = method
        one.writestr(info, b"hello")

    with pytest.raises(BundleRefused, match=r"method|plain file"):
        opened(zipped(make))


def test_refuses_an_extra_field() -> None:
    def make(one: zipfile.ZipFile) -> None:
        info = plain("a")
        info.extra = struct.pack("<HHB", 0x7075, 1, 0)
        one.writestr(info, b"hello")

    with pytest.raises(BundleRefused):
        opened(zipped(make))


def with_entries(data: bytes, entries: list[Entry], start: int) -> bytes:
    directory = b"".join(entry.central for entry in entries)
    count = len(entries)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(directory), start, 0)
    return data + directory + end


def test_refuses_overlaps_gaps_and_what_stands_before_or_behind() -> None:
    body = b"hello"
    entry = Entry("a", 0, zlib.crc32(body), 5, 5, 0)
    data = entry.local + body
    twice = Entry("b", 0, zlib.crc32(body), 5, 5, 0)
    bad = [
        with_entries(data, [entry, twice], len(data)),  # two names, one place
        with_entries(data + b"gap", [entry], len(data) + 3),
        b"before" + with_entries(data, [entry], len(data)),
        with_entries(data, [entry], len(data)) + b"behind",
        with_entries(data, [entry], len(data) - 1),
        with_entries(data, [Entry("a", 0, entry.crc, 5, 5, 7)], len(data)),
        with_entries(data, [], len(data)),
    ]
    assert opened(with_entries(data, [entry], len(data))) == {"a": body}
    for one in bad:
        with pytest.raises(BundleRefused):
            opened(one)


def test_refuses_a_file_that_says_another_size_or_checksum() -> None:
    for size, crc in ((FILE_BYTES_MAX + 1, 0), (5, 1), (4, zlib.crc32(b"hello"))):
        entry = Entry("a", 0, crc, size, size, 0)
        with pytest.raises(BundleRefused):
            opened(with_entries(entry.local + b"hello", [entry], len(entry.local) + 5))


def test_a_packed_file_that_lies_about_its_size_is_refused_within_that_size() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(10_000_000)) + packer.flush()
    entry = Entry("a", 8, 0, len(bomb), 100, 0)
    with pytest.raises(BundleRefused, match="does not unpack to the size"):
        opened(with_entries(entry.local + bomb, [entry], entry.end))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_any_byte_changed_is_refused_or_changes_nothing(at: int, value: int) -> None:
    data = bytearray(GOOD)
    data[at] = value
    if bytes(data) == GOOD:
        return
    with pytest.raises(BundleRefused):
        opened(bytes(data))


@given(st.integers(0, len(GOOD) - 1))
@settings(max_examples=50, deadline=None)
def test_any_end_cut_off_is_refused(size: int) -> None:
    with pytest.raises(BundleRefused):
        opened(GOOD[:size])


def test_a_container_is_never_larger_than_its_format_can_say() -> None:
    writer = ContainerWriter()
    writer._at = 2**32 - 10
    with pytest.raises(BundleRefused, match="shorter range"):
        writer.add("a", b"0123456789")


def test_a_small_file_is_not_packed_into_more_than_a_file_may_hold() -> None:
    raw = b"\0\0\0\xff\xff" * (FILE_BYTES_MAX // 5 + 1) + b"\1\0\0\xff\xff"  # empty blocks
    entry = Entry("a", 8, 0, len(raw), 0, 0)
    data = with_entries(entry.local + raw, [entry], entry.end)
    with pytest.raises(BundleRefused, match="more than a file of a bundle may hold"):
        Container(io.BytesIO(data))

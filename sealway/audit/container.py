"""The container: a ZIP archive of one shape only, written as a stream and read without extracting.

Every byte of it is decided by the names and contents of its files (docs/evidence.md, *Container*):
no times, no comments, no extra fields, no data descriptors, no ZIP64, files one after the other
with nothing between. A reader compares each header with the only one that may stand there, so gaps,
overlaps, links, duplicates and second directories have no spelling. Nothing is written to disk.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from sealway.audit.errors import BundleRefused

FILES_MAX: Final = 65_534  # more would need ZIP64
FILE_BYTES_MAX: Final = 32 * 1024 * 1024  # one file is held in memory at a time
CONTAINER_BYTES_MAX: Final = 2**32 - 2  # more would need ZIP64
RATIO_MAX: Final = 200
NAME_CHARS_MAX: Final = 64

_STORED: Final = 0
_DEFLATED: Final = 8
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*(?:/[a-z0-9][a-z0-9.-]*){0,3}", re.ASCII)
_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<4sHHHHIIH")
_VERSION: Final = 20
_MADE_BY: Final = 3 << 8 | _VERSION  # Unix, so that the next field says: a plain file
_PLAIN_FILE: Final = 0o100644 << 16
_DATE: Final = 0x21  # 1980-01-01, the first day there is


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the container."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int

    @property
    def local(self) -> bytes:
        """The one header that may stand before its bytes."""
        return self._local(self.name.encode("ascii"))

    def _local(self, name: bytes) -> bytes:
        fixed = (b"PK\3\4", _VERSION, 0, self.method, 0, _DATE, self.crc, self.packed, self.size)
        return _LOCAL.pack(*fixed, len(name), 0) + name

    @property
    def central(self) -> bytes:
        """The one line that may stand for it in the directory."""
        name = self.name.encode("ascii")
        fixed = (b"PK\1\2", _MADE_BY, _VERSION, 0, self.method, 0, _DATE)
        sizes = (self.crc, self.packed, self.size, len(name))
        return _CENTRAL.pack(*fixed, *sizes, 0, 0, 0, 0, _PLAIN_FILE, self.offset) + name

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.offset + _LOCAL.size + len(self.name) + self.packed


def is_name(name: str) -> bool:
    """Whether a file of a bundle may have this name at all."""
    return len(name) <= NAME_CHARS_MAX and bool(_NAME.fullmatch(name)) and ".." not in name


class ContainerWriter:
    """Makes a container piece by piece; the same files give the same bytes."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._names: set[str] = set()
        self._at = 0

    def add(self, name: str, data: bytes) -> bytes:
        """The bytes of the next file, header first.

        Raises:
            BundleRefused: the container would be larger than its format can say.
        """
        assert is_name(name), name
        assert name not in self._names, name
        assert len(data) <= FILE_BYTES_MAX
        entry = Entry(name, _STORED, zlib.crc32(data), len(data), len(data), self._at)
        if len(self._entries) == FILES_MAX or entry.end > CONTAINER_BYTES_MAX:
            raise BundleRefused("The bundle would be too large; choose a shorter range.")
        self._entries.append(entry)
        self._names.add(name)
        self._at = entry.end
        return entry.local + data

    def finish(self) -> bytes:
        """The directory at the end."""
        directory = b"".join(entry.central for entry in self._entries)
        count = len(self._entries)
        end = _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), self._at, 0)
        return directory + end


class Container:
    """A container that is open for reading: its shape is known to be right, its contents not."""

    def __init__(self, file: IO[bytes]) -> None:
        """Raises BundleRefused: the file has another shape, wherever in it."""
        self._file = file
        self.entries: dict[str, Entry] = {}
        self._parse()

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def names(self) -> Iterator[str]:
        """The names, in their order."""
        return iter(self.entries)

    def read(self, name: str) -> bytes:
        """The contents of one file.

        Raises:
            BundleRefused: there is no such file, or its bytes are not those it was made with.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise BundleRefused(f"The bundle has no file {name}.")
        self._file.seek(entry.offset + len(entry.local))
        data = self._exactly(entry.packed)
        if entry.method == _DEFLATED:
            data = _inflated(data, entry)
        if zlib.crc32(data) != entry.crc:
            raise BundleRefused(f"{name} is not what it was made as: its checksum differs.")
        return data

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise BundleRefused("The bundle ends too early.")
        return data

    def _parse(self) -> None:
        total = self._file.seek(0, 2)
        if not _END.size <= total <= CONTAINER_BYTES_MAX + FILES_MAX * 128:
            raise BundleRefused("This is no evidence bundle: too short, or too long.")
        self._file.seek(total - _END.size)
        signature, *numbers = _END.unpack(self._exactly(_END.size))
        disk, first_disk, here, count, size, start, comment = numbers
        if signature != b"PK\5\6" or disk or first_disk or here != count or comment:
            raise BundleRefused("This is no evidence bundle, or something stands behind its end.")
        if count > FILES_MAX or start + size + _END.size != total:
            raise BundleRefused("The bundle's directory is not where it must be: a gap or overlap.")
        self._file.seek(start)
        at = 0
        for _ in range(count):
            entry = self._entry(at)
            self.entries[entry.name] = entry
            at = entry.end
        if at != start or self._file.tell() != total - _END.size:
            raise BundleRefused("The bundle has a gap, or files that overlap.")
        for entry in self.entries.values():
            self._file.seek(entry.offset)
            if self._exactly(len(entry.local)) != entry.local:
                raise BundleRefused(f"{entry.name} has another header than the directory says.")

    def _entry(self, at: int) -> Entry:
        fixed = self._exactly(_CENTRAL.size)
        found = _CENTRAL.unpack(fixed)
        method, crc, packed, size, name_size = found[4], *found[7:11]
        raw = self._exactly(min(name_size, NAME_CHARS_MAX + 1))
        name = raw.decode("ascii", "replace")
        if not is_name(name) or name_size > NAME_CHARS_MAX:
            raise BundleRefused("A file's name is outside the grammar of bundles.")
        if name in self.entries:
            raise BundleRefused(f"Two files have the name {name}.")
        entry = Entry(name, method, crc, packed, size, at)
        if method not in (_STORED, _DEFLATED) or (method == _STORED and packed != size):
            raise BundleRefused(f"{name} is packed by a method that bundles don't use.")
        if max(size, packed) > FILE_BYTES_MAX or size > RATIO_MAX * max(packed, 1):
            raise BundleRefused(f"{name} would unpack to more than a file of a bundle may hold.")
        if fixed + raw != entry.central:
            why = "a link, a folder, a date, a flag, an extra field, a gap or an overlap"
            raise BundleRefused(f"{name} is not a plain file where it must be: {why}.")
        return entry


def _inflated(data: bytes, entry: Entry) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(data, entry.size + 1)
    except zlib.error as error:
        raise BundleRefused(f"{entry.name} does not unpack.") from error
    if len(plain) != entry.size or not unpacker.eof or unpacker.unused_data:
        raise BundleRefused(f"{entry.name} does not unpack to the size it says.")
    return plain

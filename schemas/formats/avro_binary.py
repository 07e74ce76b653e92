"""Avro's binary encoding, read against the types of a schema (Avro 1.12, *Binary Encoding*).

Strict: no byte may be left, a text is UTF-8, a number fits its type, a length lies within the
bytes. Bounded: values and depth are counted, because a few bytes can claim any number of values
that take no bytes. Invariant: nothing is allocated that the bytes do not hold.
"""

import struct
from typing import Any, NoReturn

from schemas import limits
from schemas.errors import PayloadError, PayloadInvalid
from schemas.formats.avro_json import INT_MAX, LONG_MAX
from schemas.formats.avro_types import Node, step

_VARINT_BYTES_MAX = 10


def read_value(root: Node, data: bytes) -> Any:
    """The value that ``data`` is, whole.

    Raises:
        PayloadInvalid: the first place that is not what the schema says, without any value.
    """
    reader = _Reader(data)
    value = reader.read(root, "", 0)
    if reader.left:
        reader.refuse("", "trailing", f"{reader.left} bytes follow the value.")
    return value


class _Reader:
    __slots__ = ("_at", "_data", "_values")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._values = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self._at

    def refuse(self, place: str, keyword: str, message: str) -> NoReturn:
        """Raise the one error."""
        raise PayloadInvalid((PayloadError(place, keyword, message),), complete=False)

    def read(self, node: Node, place: str, depth: int) -> Any:
        self._values += 1
        if self._values > limits.PAYLOAD_VALUES_MAX:
            self.refuse("", "size", f"Holds more than {limits.PAYLOAD_VALUES_MAX} values.")
        if depth > limits.PAYLOAD_DEPTH_MAX:
            self.refuse("", "depth", f"Nests deeper than {limits.PAYLOAD_DEPTH_MAX} levels.")
        return getattr(self, f"_{node.kind}")(node, place, depth)

    def _take(self, size: int, place: str) -> bytes:
        if not 0 <= size <= self.left:
            self.refuse(place, "length", "The bytes end within this value.")
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def _number(self, place: str, most: int = LONG_MAX) -> int:
        value = 0
        for index in range(_VARINT_BYTES_MAX):
            byte = self._take(1, place)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                break
        else:
            self.refuse(place, "type", "The number has no end.")
        number = (value >> 1) ^ -(value & 1)
        if not -most <= number < most:
            self.refuse(place, "type", "The number is beyond its type.")
        return number

    def _null(self, node: Node, place: str, depth: int) -> None:
        return None

    def _boolean(self, node: Node, place: str, depth: int) -> bool:
        byte = self._take(1, place)[0]
        if byte > 1:
            self.refuse(place, "type", "Must be of Avro type boolean.")
        return byte == 1

    def _int(self, node: Node, place: str, depth: int) -> int:
        return self._number(place, INT_MAX)

    def _long(self, node: Node, place: str, depth: int) -> int:
        return self._number(place)

    def _float(self, node: Node, place: str, depth: int) -> float:
        return float(struct.unpack("<f", self._take(4, place))[0])

    def _double(self, node: Node, place: str, depth: int) -> float:
        return float(struct.unpack("<d", self._take(8, place))[0])

    def _bytes(self, node: Node, place: str, depth: int) -> bytes:
        return self._take(self._number(place), place)

    def _string(self, node: Node, place: str, depth: int) -> str:
        try:
            return self._take(self._number(place), place).decode("utf-8")
        except UnicodeDecodeError:
            self.refuse(place, "type", "The text is not UTF-8.")

    def _fixed(self, node: Node, place: str, depth: int) -> bytes:
        return self._take(node.size, place)

    def _enum(self, node: Node, place: str, depth: int) -> str:
        index = self._number(place)
        if not 0 <= index < len(node.symbols):
            self.refuse(place, "enum", f"Must be one of {', '.join(node.symbols)[:200]}.")
        return node.symbols[index]

    def _union(self, node: Node, place: str, depth: int) -> Any:
        index = self._number(place)
        if not 0 <= index < len(node.branches):
            self.refuse(place, "union", f"Must be one of {len(node.branches)} branches.")
        branch = node.branches[index]
        inner = place if branch.kind == "null" else place + step(branch.name)
        return self.read(branch, inner, depth)

    def _record(self, node: Node, place: str, depth: int) -> dict[str, Any]:
        return {
            name: self.read(inner, place + step(name), depth + 1) for name, inner in node.fields
        }

    def _array(self, node: Node, place: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while count := self._block(place):
            for _ in range(count):
                items.append(self.read(node.inner, place + step(len(items)), depth + 1))
        return items

    def _map(self, node: Node, place: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while count := self._block(place):
            for _ in range(count):
                key = self._string(node, place, depth)
                if key in found:
                    self.refuse(place, "map", "A key occurs twice.")
                found[key] = self.read(node.inner, f"{place}/*", depth + 1)
        return found

    def _block(self, place: str) -> int:
        count = self._number(place)
        if count < 0:
            if self._number(place) < 0:
                self.refuse(place, "length", "A block can't have a negative size.")
            return -count
        return count

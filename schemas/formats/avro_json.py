"""Avro's JSON encoding, checked against the types of a schema (Avro 1.12, *JSON Encoding*).

A value of a union stands under the name of its branch, null by itself; bytes are a text whose
characters are U+0000 to U+00FF. Every field of a record must be there: a default is for who reads
with a later schema. Logical types are not asserted, as the specification leaves it. Errors tell
places and types, never a value or the key of a map.
"""

from collections.abc import Callable
from typing import Any

from schemas import limits
from schemas.errors import PayloadError, PayloadInvalid
from schemas.formats.avro_types import Node, step

INT_MAX, LONG_MAX = 2**31, 2**63


def check_value(root: Node, value: Any) -> None:
    """Raises PayloadInvalid with at most 100 errors."""
    found = _Found()
    found.look(root, value, "")
    if found.errors:
        complete = len(found.errors) < limits.ERRORS_MAX
        raise PayloadInvalid(tuple(found.errors), complete=complete)


def _is_text(value: Any, chars: int | None = None) -> bool:
    if type(value) is not str or (not value.isascii() and any(ord(one) > 255 for one in value)):
        return False
    return chars is None or len(value) == chars


_FITS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: type(value) is bool,
    "int": lambda value: type(value) is int and -INT_MAX <= value < INT_MAX,
    "long": lambda value: type(value) is int and -LONG_MAX <= value < LONG_MAX,
    "float": lambda value: type(value) in (int, float),
    "double": lambda value: type(value) in (int, float),
    "bytes": _is_text,
    "string": lambda value: type(value) is str,
}


class _Found:
    def __init__(self) -> None:
        self.errors: list[PayloadError] = []
        self._values = 0

    def look(self, node: Node, value: Any, place: str) -> None:
        self._values += 1
        if self._values > limits.PAYLOAD_VALUES_MAX:
            said = f"Holds more than {limits.PAYLOAD_VALUES_MAX} values."
            raise PayloadInvalid((PayloadError("", "size", said),))
        if len(self.errors) >= limits.ERRORS_MAX:
            return
        fits = _FITS.get(node.kind)
        if fits is not None:
            if not fits(value):
                self._add(place, "type", f"Must be of Avro type {node.kind}.")
        else:
            getattr(self, f"_{node.kind}")(node, value, place)

    def _add(self, place: str, keyword: str, message: str) -> None:
        self.errors.append(PayloadError(place, keyword, message))

    def _fixed(self, node: Node, value: Any, place: str) -> None:
        if not _is_text(value, node.size):
            self._add(place, "fixed", f"Must be a text of {node.size} characters up to U+00FF.")

    def _enum(self, node: Node, value: Any, place: str) -> None:
        if type(value) is not str or value not in node.symbols:
            said = ", ".join(node.symbols)[:200]
            self._add(place, "enum", f"Must be one of {said}.")

    def _array(self, node: Node, value: Any, place: str) -> None:
        if type(value) is not list:
            self._add(place, "type", "Must be of Avro type array.")
            return
        for index, item in enumerate(value):
            self.look(node.inner, item, place + step(index))

    def _map(self, node: Node, value: Any, place: str) -> None:
        if type(value) is not dict:
            self._add(place, "type", "Must be of Avro type map.")
            return
        for item in value.values():
            self.look(node.inner, item, f"{place}/*")

    def _union(self, node: Node, value: Any, place: str) -> None:
        names = {branch.name: branch for branch in node.branches}
        if value is None and "null" in names:
            return
        name = next(iter(value)) if type(value) is dict and len(value) == 1 else None
        if name is None or name == "null" or name not in names:
            offered = ", ".join("null" if one == "null" else f'{{"{one}": …}}' for one in names)
            self._add(place, "union", f"Must be one of {offered[:200]}.")
            return
        self.look(names[name], value[name], place + step(name))

    def _record(self, node: Node, value: Any, place: str) -> None:
        if type(value) is not dict:
            self._add(place, "type", "Must be of Avro type record.")
            return
        for name, inner in node.fields:
            if name in value:
                self.look(inner, value[name], place + step(name))
            else:
                self._add(place, "required", f"The field '{name}' is missing.")
        unknown = len(value.keys() - {name for name, _ in node.fields})
        if unknown:
            noun = "field" if unknown == 1 else "fields"
            self._add(place, "fields", f"Holds {unknown} {noun} that the record does not have.")

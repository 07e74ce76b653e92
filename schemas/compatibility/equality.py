"""Whether two schemas say the same, keyword by keyword, references followed on both sides.

Sound, not complete: true means that they take the same instances. Coinductive: a pair that is
being compared already counts as equal, which is right because every loop passes through data.
"""

from typing import Any, Final

from schemas.compatibility.document import LIST, MAP, ONE, Document, Schema, text_of

_SETS: Final = frozenset({"type", "required", "enum"})
_SILENT: Final = frozenset({"$defs", "definitions", "$anchor"})


class Equality:
    """Compares subschemas of one document with those of another."""

    def __init__(self, left: Document, right: Document) -> None:
        self._left, self._right = left, right
        self._assumed: set[tuple[int, int]] = set()

    def holds(self, left: Schema, right: Schema) -> bool:
        """Whether both take the same instances for a reason that can be read off."""
        before = set(self._assumed)
        if self._same(left, right):
            return True
        self._assumed = before  # what was assumed on the way is not shown
        return False

    def _same(self, left: Schema, right: Schema) -> bool:
        left, right = self._followed(left, self._left), self._followed(right, self._right)
        if isinstance(left, bool) or isinstance(right, bool):
            return _as_bool(left) is _as_bool(right) is not None
        pair = (id(left), id(right))
        if pair in self._assumed:
            return True
        keywords = left.keys() - _SILENT
        if keywords != right.keys() - _SILENT:
            return False
        self._assumed.add(pair)
        return all(self._keyword(keyword, left[keyword], right[keyword]) for keyword in keywords)

    def _followed(self, schema: Schema, document: Document) -> Schema:
        while isinstance(schema, dict) and schema.keys() - _SILENT == {"$ref"}:
            schema = document.resolve(schema["$ref"])
        return schema

    def _keyword(self, keyword: str, left: Any, right: Any) -> bool:
        if keyword == "$ref":
            return self._same(self._left.resolve(left), self._right.resolve(right))
        if keyword in ONE:
            return self._same(left, right)
        if keyword in LIST:
            return len(left) == len(right) and all(map(self._same, left, right))
        if keyword in MAP:
            return left.keys() == right.keys() and all(
                self._same(left[name], right[name]) for name in left
            )
        if keyword in _SETS:
            return _as_set(left) == _as_set(right)
        return text_of(left) == text_of(right)


def _as_bool(schema: Schema) -> bool | None:
    if isinstance(schema, bool):
        return schema
    return True if not schema.keys() - _SILENT else None


def _as_set(value: Any) -> set[str]:
    return {text_of(one) for one in (value if isinstance(value, list) else [value])}

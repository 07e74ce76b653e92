"""An Avro schema read strictly into its types (Avro 1.12, *Schema Declaration*).

Refuses what libraries let pass: names outside the grammar, fields or union branches that occur
twice, nested unions, attributes of another JSON type. Invariant: each record of a ``Node`` that was
read has a finite value, and every name is resolved, so that checking needs no look-up.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas import limits
from schemas.errors import SchemaInvalid
from schemas.formats.outline import escape
from schemas.reasons import Reason

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_NAMED = frozenset({"record", "enum", "fixed"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
FIXED_BYTES_MAX = 1_048_576  # more than a part of a message would hold of one value


@dataclass(slots=True, eq=False)
class Node:
    """One type; what belongs to another kind is empty. ``name`` is how a union names it."""

    kind: str
    name: str
    fields: list[tuple[str, "Node"]] = field(default_factory=list)
    symbols: tuple[str, ...] = ()
    size: int = 0
    branches: list["Node"] = field(default_factory=list)
    items: "Node | None" = None

    @property
    def inner(self) -> "Node":
        """What an array or map holds."""
        assert self.items is not None
        return self.items


class TypeReader:
    """Reads documents one after the other; a later one may name types of those it may see.

    Limits: ``SUBSCHEMAS_MAX`` types, all documents together.
    """

    def __init__(self) -> None:
        self._named: dict[str, Node] = {}
        self._own: dict[str, None] = {}
        self._seen: Collection[str] = ()
        self._used: set[str] = set()
        self._count = 0

    def read_document(self, document: Any, seen: Collection[str] = ()) -> Node:
        """The types of a parsed schema.

        ``seen``: full names of earlier documents' types that this one may use.

        Raises:
            SchemaInvalid: not Avro, too many types, a name that is not there or taken, or a
                record that could never end.
        """
        self._own, self._seen, self._used = {}, seen, set()
        root = self._read(document, "", "")
        _refuse_endless({name: self._named[name] for name in self._own}, self._named)
        return root

    @property
    def own(self) -> frozenset[str]:
        """The full names that the last document defined."""
        return frozenset(self._own)

    @property
    def used(self) -> frozenset[str]:
        """The full names that it used of earlier ones."""
        return frozenset(self._used - self._own.keys())

    def _read(self, given: Any, place: str, space: str) -> Node:
        self._count += 1
        if self._count > limits.SUBSCHEMAS_MAX:
            raise SchemaInvalid(Reason.TOO_MANY_SUBSCHEMAS)
        if isinstance(given, str):
            return self._called(given, place, space)
        if isinstance(given, list):
            return self._union(given, place, space)
        if not isinstance(given, dict):
            raise _invalid(place, "a type is a name, a list or an object")
        kind = given.get("type")
        if not isinstance(kind, str):
            raise _invalid(place, "'type' must be the name of a type")
        if kind in _NAMED:
            return self._define(kind, given, place, space)
        if kind == "array":
            return Node(kind, kind, items=self._inner(given, "items", place, space))
        if kind == "map":
            return Node(kind, kind, items=self._inner(given, "values", place, space))
        return self._called(kind, f"{place}/type", space)

    def _inner(self, given: dict[str, Any], member: str, place: str, space: str) -> Node:
        if member not in given:
            raise _invalid(place, f"it lacks '{member}'")
        return self._read(given[member], f"{place}/{member}", space)

    def _called(self, name: str, place: str, space: str) -> Node:
        if name in PRIMITIVES:
            return Node(name, name)
        full = name if "." in name or not space else f"{space}.{name}"
        if full not in self._own and full not in self._seen:
            raise _invalid(place, "no type of that name is defined before it")
        self._used.add(full)
        return self._named[full]

    def _union(self, given: list[Any], place: str, space: str) -> Node:
        node = Node("union", "union")
        for index, branch in enumerate(given):
            read = self._read(branch, f"{place}/{index}", space)
            if read.kind == "union":
                raise _invalid(f"{place}/{index}", "a union may not stand in a union")
            if any(read.name == other.name for other in node.branches):
                raise _invalid(f"{place}/{index}", "the union has a branch of that type already")
            node.branches.append(read)
        if not node.branches:
            raise _invalid(place, "a union needs a branch")
        return node

    def _define(self, kind: str, given: dict[str, Any], place: str, space: str) -> Node:
        full = _full_name(given, place, space)
        if full in self._named or full in PRIMITIVES:
            raise _invalid(f"{place}/name", "the name is taken")
        node = self._named[full] = Node(kind, full)
        self._own[full] = None
        if kind == "fixed":
            node.size = _size(given, place)
        elif kind == "enum":
            node.symbols = _symbols(given, place)
        else:
            for name, type_, where in _fields(given, place):
                node.fields.append((name, self._read(type_, where, full.rpartition(".")[0])))
        return node


def _full_name(given: dict[str, Any], place: str, space: str) -> str:
    name, own = given.get("name"), given.get("namespace", space)
    if not isinstance(name, str) or not _FULL_NAME.fullmatch(name):
        raise _invalid(f"{place}/name", "a name has letters, digits and underscores")
    if not isinstance(own, str) or (own and not _FULL_NAME.fullmatch(own)):
        raise _invalid(f"{place}/namespace", "a namespace is names joined by dots")
    return name if "." in name or not own else f"{own}.{name}"


def _size(given: dict[str, Any], place: str) -> int:
    size = given.get("size")
    if type(size) is not int or not 0 < size <= FIXED_BYTES_MAX:
        raise _invalid(f"{place}/size", f"a size from 1 to {FIXED_BYTES_MAX}")
    return size


def _symbols(given: dict[str, Any], place: str) -> tuple[str, ...]:
    symbols = given.get("symbols")
    if not isinstance(symbols, list) or not symbols:
        raise _invalid(f"{place}/symbols", "a list of one symbol or more")
    for index, symbol in enumerate(symbols):
        if not isinstance(symbol, str) or not _NAME.fullmatch(symbol):
            raise _invalid(f"{place}/symbols/{index}", "a symbol is a name")
    if len(set(symbols)) < len(symbols):
        raise _invalid(f"{place}/symbols", "a symbol occurs twice")
    return tuple(symbols)


def _fields(given: dict[str, Any], place: str) -> Iterator[tuple[str, Any, str]]:
    fields = given.get("fields")
    if not isinstance(fields, list):
        raise _invalid(f"{place}/fields", "a list of fields")
    seen: set[str] = set()
    for index, one in enumerate(fields):
        where = f"{place}/fields/{index}"
        if not isinstance(one, dict) or "type" not in one:
            raise _invalid(where, "a field is an object with 'name' and 'type'")
        name = one.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _invalid(f"{where}/name", "a name has letters, digits and underscores")
        if name in seen:
            raise _invalid(f"{where}/name", "the record has a field of that name already")
        seen.add(name)
        yield name, one["type"], f"{where}/type"


def _refuse_endless(own: dict[str, Node], named: dict[str, Node]) -> None:
    """Refuse a record of a document whose every value would hold another one of it."""
    records = [node for node in own.values() if node.kind == "record"]
    finite: set[Node] = {node for name, node in named.items() if name not in own}

    def ends(node: Node) -> bool:
        if node.kind == "union":
            return any(ends(branch) for branch in node.branches)
        return node.kind != "record" or node in finite

    grown = True
    while grown:
        grown = False
        for node in reversed(records):
            if node not in finite and all(ends(inner) for _, inner in node.fields):
                finite.add(node)
                grown = True
    if len(finite) < len(records):
        raise SchemaInvalid(Reason.UNSATISFIABLE)


def _invalid(place: str, why: str) -> SchemaInvalid:
    return SchemaInvalid(Reason.AVRO_INVALID, place, why=why)


def step(name: str | int) -> str:
    """One step of a JSON Pointer."""
    return f"/{name if isinstance(name, int) else escape(name)}"

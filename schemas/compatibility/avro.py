"""The judgement of one reading between Avro schemas, by Avro's own rules (*Schema Resolution*).

Owns the proof that a reader's schema resolves whatever a writer's may hold, on documents that were
admitted. Names must be the same in full, and logical types too, which is narrower than the
specification. Invariant: YES only by that proof; NO only with a value that the library refused
to read; whatever else is unknown.
"""

from typing import Any, Final

from schemas.avro_generation import avro_example
from schemas.compatibility.verdicts import Answer, Judged, Refused
from schemas.formats.avro import is_unresolvable, whole_types
from schemas.formats.avro_references import read_whole
from schemas.formats.avro_types import PRIMITIVES
from schemas.formats.json_schema import parse_text
from schemas.formats.port import Source

PAIRS_MAX: Final = 100_000
"""Pairs of types looked at: two schemas of 5,000 types that are alike have 5,000."""

_READ_AS: Final[dict[str, frozenset[str]]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}
_LOGICAL: Final = ("logicalType", "precision", "scale")
_RESOLVED: Final = "By Avro's rules the reader's version resolves all that the writer's may hold."
_REFUSED: Final = "The reader's version refuses a value that the writer's takes."

Type = Any  # a name, a list or an object of the document
Place = tuple[Type, str]  # a type, and the namespace that it stands in


def judge_avro(writer: Source, reader: Source) -> Judged:
    """Whether ``reader`` resolves every value by ``writer``. Bounded in steps."""
    try:
        why = _Proof(_Types(writer), _Types(reader)).lacks()
    except (RecursionError, _TooMany):
        why = "the schemas are too large"
    if why is None:
        return Judged(Answer.YES, _RESOLVED)
    witness = _refused(writer, reader, why)
    if witness is not None:
        return Judged(Answer.NO, _REFUSED, witness)
    return Judged(Answer.UNKNOWN, f"No proof that it resolves: {why}.")


class _TooMany(Exception):
    """More pairs than ``PAIRS_MAX``."""


class _Types:
    """The types of a schema and of what it refers to, by full name."""

    def __init__(self, source: Source) -> None:
        documents = read_whole(parse_text(source.text), source.references).documents
        self.named: dict[str, Place] = {}
        for document in documents:
            self._find(document, "")
        self.root: Place = (documents[-1], "")

    def _find(self, type_: Type, space: str) -> None:
        if isinstance(type_, list):
            for branch in type_:
                self._find(branch, space)
        if not isinstance(type_, dict):
            return
        if type_["type"] in ("record", "enum", "fixed"):
            full = _full(type_["name"], type_.get("namespace", space))
            space = full.rpartition(".")[0]
            self.named[full] = (type_, full)
        for one in type_.get("fields", ()):
            self._find(one["type"], space)
        for member in ("items", "values"):
            if member in type_:
                self._find(type_[member], space)

    def resolve(self, place: Place) -> tuple[str, Type, str]:
        """Kind, definition, and full name or the namespace inside."""
        type_, space = place
        if isinstance(type_, list):
            return "union", type_, space
        if isinstance(type_, dict):
            kind = type_["type"]
            if kind in ("record", "enum", "fixed"):
                return kind, type_, _full(type_["name"], type_.get("namespace", space))
            if kind in PRIMITIVES or kind in ("array", "map"):
                return kind, type_, space
            return self.resolve((kind, space))
        if type_ in PRIMITIVES:
            return type_, {}, space
        found, full = self.named[_full(type_, space)]
        return found["type"], found, full


def _full(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"


class _Proof:
    def __init__(self, writer: _Types, reader: _Types) -> None:
        self._writer, self._reader = writer, reader
        self._assumed: set[str] = set()
        self._left = PAIRS_MAX

    def lacks(self) -> str | None:
        """Why there is no proof, with the place; None where there is one."""
        return self._lacks(self._writer.root, self._reader.root, "")

    def _lacks(self, sent: Place, read: Place, at: str) -> str | None:
        self._left -= 1
        if self._left < 0:
            raise _TooMany
        kind, one, name = self._writer.resolve(sent)
        other_kind, other, other_name = self._reader.resolve(read)
        where = at or "the top"
        if kind == "union":
            whys = (self._lacks((branch, name), read, at) for branch in one)
            return next((why for why in whys if why is not None), None)
        if other_kind == "union":
            return self._chosen(sent, other, other_name, at)
        if kind != other_kind:
            able = (
                other_kind in _READ_AS.get(kind, ()) and not _logical(one) and not _logical(other)
            )
            return None if able else f"at {where} {kind} is not read as {other_kind}"
        if _logical(one) != _logical(other):
            return f"at {where} the logical types differ"
        if kind in ("record", "enum", "fixed") and name != other_name:
            return f"at {where} the names '{name}' and '{other_name}' differ"
        if kind == "record":
            return self._records(one, name, other, at)
        if kind in ("array", "map"):
            member = "items" if kind == "array" else "values"
            return self._lacks((one[member], name), (other[member], other_name), f"{at}/{member}")
        return _simple(kind, one, other, where)

    def _chosen(self, sent: Place, branches: list[Type], space: str, at: str) -> str | None:
        """The first branch that matches is the one that is read by, even if it then fails."""
        kind, _, name = self._writer.resolve(sent)
        named = kind in ("record", "enum", "fixed")
        found = [(branch, *self._reader.resolve((branch, space))) for branch in branches]
        same = [one for one in found if one[1] == kind and (not named or one[3] == name)]
        able = [one for one in found if one[1] in _READ_AS.get(kind, ())]
        for branch, *_ in (same or able)[:1]:
            return self._lacks(sent, (branch, space), at)
        return f"at {at or 'the top'} no branch of the union reads {kind}"

    def _records(self, one: Type, name: str, other: Type, at: str) -> str | None:
        if name in self._assumed:
            return None  # both have one record of this name: its proof is under way, or done
        self._assumed.add(name)
        space = name.rpartition(".")[0]
        sent = {field["name"]: field["type"] for field in one["fields"]}
        for field in other["fields"]:
            below = f"{at}/{field['name']}"
            if field["name"] in sent:
                why = self._lacks((sent[field["name"]], space), (field["type"], space), below)
                if why is not None:
                    return why
            elif "default" not in field:
                return f"at {below} the writer sends nothing and there is no default"
        return None


def _simple(kind: str, one: Type, other: Type, where: str) -> str | None:
    if kind == "fixed" and one["size"] != other["size"]:
        return f"at {where} the sizes differ"
    if kind == "enum" and "default" not in other:
        gone = [symbol for symbol in one["symbols"] if symbol not in other["symbols"]]
        return f"at {where} the symbol '{gone[0]}' is gone" if gone else None
    return None


def _logical(type_: Type) -> tuple[Any, ...]:
    if not isinstance(type_, dict) or "logicalType" not in type_:
        return ()
    return tuple(type_.get(member) for member in _LOGICAL)


def _refused(writer: Source, reader: Source, why: str) -> Refused | None:
    """A value of the writer's that the library can't read by the reader's."""
    made = avro_example(whole_types(writer.text, writer.references))
    if made is None or writer.references or reader.references:
        return None
    if is_unresolvable(writer.text, reader.text, made[0]):
        return Refused(made[0], "", f"It can't be resolved: {why}.")
    return None

"""What an XSD may hold, looked at before any library compiles it.

Refuses what leads out of the document (include, import, redefine, override), what costs without
bound (identity constraints, substitution groups, large counts, groups that double) and patterns
that could be slow. Invariant: a schema that passes opens up to at most ``XSD_ELEMENTS_MAX``
elements.
"""

from collections.abc import Iterator
from typing import Any

from schemas import limits
from schemas.errors import SchemaInvalid
from schemas.formats.xml_text import Element
from schemas.formats.xsd_patterns import PatternRefused, check_pattern
from schemas.reasons import Reason

XSD = "http://www.w3.org/2001/XMLSchema"
_XSD = f"{{{XSD}}}"
_LEADS_OUT = frozenset({"include", "import", "redefine", "override"})
_NOT_OFFERED = frozenset({"key", "keyref", "unique", "assert", "assertion", "alternative"})
_COUNTS = ("minOccurs", "maxOccurs")
_OPENED = ("base", "memberTypes", "itemType", "ref")
Named = dict[tuple[str, str], Any]
"""Groups and types by kind and name."""
_NAMED = frozenset({"group", "attributeGroup", "simpleType", "complexType"})


def check_outline(root: Element) -> frozenset[str]:
    """The names that the schema declares.

    Raises:
        SchemaInvalid: something that is not admitted, with its place.
    """
    if root.tag != f"{_XSD}schema":
        raise SchemaInvalid(Reason.XSD_INVALID, "/", why="the root must be xs:schema")
    names: set[str] = set()
    for count, element in enumerate(root.iter(), 1):
        if count > limits.XSD_ELEMENTS_MAX:
            raise SchemaInvalid(Reason.XSD_TOO_BIG, "/schema")
        if isinstance(element.tag, str) and element.tag.startswith(_XSD):
            _check(element)
            name = element.get("name")
            if name:
                names.add(name)
    if root.find(f"{_XSD}element") is None:
        raise SchemaInvalid(Reason.UNSATISFIABLE)
    _bound_openings(root)
    return frozenset(names)


def _check(element: Element) -> None:
    keyword = _local(element)
    if keyword in _LEADS_OUT:
        raise SchemaInvalid(Reason.XSD_LEADS_OUT, place_of(element), keyword=keyword)
    if keyword in _NOT_OFFERED:
        raise SchemaInvalid(Reason.XSD_NOT_OFFERED, place_of(element), keyword=keyword)
    if element.get("substitutionGroup") is not None:
        what = "substitutionGroup"
        raise SchemaInvalid(Reason.XSD_NOT_OFFERED, place_of(element), keyword=what)
    for name in _COUNTS:
        if not _is_small(element.get(name, "1")):
            raise SchemaInvalid(Reason.XSD_TOO_BIG, f"{place_of(element)}/@{name}")
    if keyword == "pattern":
        try:
            check_pattern(element.get("value", ""))
        except PatternRefused as error:
            raise SchemaInvalid(Reason.PATTERN_REFUSED, place_of(element)) from error


def _is_small(text: str) -> bool:
    text = text.strip()
    if text == "unbounded" or not text.isascii() or not text.isdigit():
        return True  # what is no number the library refuses
    return len(text) <= 9 and int(text) <= limits.XSD_OCCURS_MAX


def _bound_openings(root: Element) -> None:
    named: Named = {
        (_kind(child), child.get("name", "")): child
        for child in root
        if isinstance(child.tag, str) and _local(child) in _NAMED
    }
    edges = {key: list(_opened(child, named)) for key, child in named.items()}
    weight: dict[tuple[str, str], int] = {}
    path: dict[tuple[str, str], None] = {}
    for start in named:
        stack = [start]
        while stack:
            key = stack[-1]
            if key in weight:
                stack.pop()
                continue
            path[key] = None
            waiting = [one for one in edges[key] if one not in weight]
            if any(one in path for one in waiting):
                raise SchemaInvalid(Reason.REFERENCE_LOOP, place_of(named[key]))
            if waiting:
                stack.append(waiting[0])
                continue
            stack.pop()
            del path[key]
            own = sum(1 for _ in named[key].iter())
            weight[key] = own + sum(weight[one] for one in edges[key])
            if weight[key] > limits.XSD_ELEMENTS_MAX:
                raise SchemaInvalid(Reason.XSD_TOO_BIG, place_of(named[key]))
    if sum(weight[key] for key in _opened(root, named)) > 10 * limits.XSD_ELEMENTS_MAX:
        raise SchemaInvalid(Reason.XSD_TOO_BIG, "/schema")
    _bound_models(root, named)


def _bound_models(root: Element, named: Named) -> None:
    """Refuse a content model that would take seconds to prove unambiguous."""
    known: dict[tuple[str, str], int] = {}

    def particles(model: Element) -> int:
        count, pending = 0, list(model)
        while pending:
            inner = pending.pop()
            local = _local(inner)
            count += local in ("element", "any")
            for attribute in ("base", "ref") if local != "element" else ():
                key = ("type" if attribute == "base" else local, _unprefixed(inner, attribute))
                if key in named and key not in known:
                    known[key] = particles(named[key])
                count += known.get(key, 0)
            if local != "element":
                pending.extend(inner)
        if count > limits.XSD_PARTICLES_MAX:
            raise SchemaInvalid(Reason.XSD_TOO_BIG, place_of(model))
        return count

    work = sum(particles(model) ** 3 for model in root.iter(f"{_XSD}complexType"))
    if work > 2 * limits.XSD_PARTICLES_MAX**3:
        raise SchemaInvalid(Reason.XSD_TOO_BIG, "/schema")


def _unprefixed(element: Element, attribute: str) -> str:
    return str(element.get(attribute, "")).rpartition(":")[2]


def _opened(element: Element, named: Named) -> Iterator[tuple[str, str]]:
    for inner in element.iter():
        if not isinstance(inner.tag, str):
            continue
        kind = _kind(inner) if _local(inner) in _NAMED else "type"
        if _local(inner) in ("element", "attribute"):
            continue
        for attribute in _OPENED:
            for name in inner.get(attribute, "").split():
                key = (kind if attribute == "ref" else "type", name.rpartition(":")[2])
                if key in named:
                    yield key


def _kind(element: Element) -> str:
    local = _local(element)
    return "type" if local in ("simpleType", "complexType") else local


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def place_of(element: Element) -> str:
    """Where an element of the schema stands, by the names that the schema gives."""
    steps = []
    at: Element | None = element
    while at is not None:
        name = at.get("name")
        steps.append(f"{_local(at)}[{name[:64]}]" if name else _local(at))
        at = at.getparent()
    return "/" + "/".join(reversed(steps))

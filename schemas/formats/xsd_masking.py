"""libxml2's errors told without a single value of the payload.

The library's messages quote values, so they are never passed on: each sentence is made here from
the kind of the error. A position names the elements that the schema declares and shows ``*`` for
every other.
"""

import re
from collections.abc import Mapping
from typing import Any

from schemas.errors import PayloadError
from schemas.formats.xml_text import Element

_STEP = re.compile(r"([^\[\]]+)(?:\[([0-9]+)\])?")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^()]*) \)\.\Z")
_TYPE = re.compile(r"type '(xs:[A-Za-z]+)'\.\Z")
_SHOWN_CHARS_MAX = 200

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "CVC_ELT_1": ("root", "The schema declares no such element as the whole."),
    "CVC_PATTERN_VALID": ("pattern", "Must match the pattern that its type gives."),
    "CVC_ENUMERATION_VALID": ("enumeration", "Must be one of the values that its type lists."),
    "CVC_LENGTH_VALID": ("length", "Must have exactly the length that its type gives."),
    "CVC_MINLENGTH_VALID": ("minLength", "Is shorter than its type allows."),
    "CVC_MAXLENGTH_VALID": ("maxLength", "Is longer than its type allows."),
    "CVC_MININCLUSIVE_VALID": ("minInclusive", "Is below what its type allows."),
    "CVC_MAXINCLUSIVE_VALID": ("maxInclusive", "Is above what its type allows."),
    "CVC_MINEXCLUSIVE_VALID": ("minExclusive", "Is below what its type allows."),
    "CVC_MAXEXCLUSIVE_VALID": ("maxExclusive", "Is above what its type allows."),
    "CVC_TOTALDIGITS_VALID": ("totalDigits", "Has more digits than its type allows."),
    "CVC_FRACTIONDIGITS_VALID": ("fractionDigits", "Has more decimals than its type allows."),
    "CVC_COMPLEX_TYPE_2_1": ("content", "Must be empty."),
    "CVC_COMPLEX_TYPE_2_2": ("content", "Must hold text and no elements."),
    "CVC_COMPLEX_TYPE_2_3": ("content", "Must hold elements and no text."),
    "CVC_COMPLEX_TYPE_3_2_1": ("attribute", "Has an attribute that the schema does not name."),
    "CVC_COMPLEX_TYPE_3_2_2": ("attribute", "Has an attribute that the schema does not name."),
    "CVC_ELT_3_1": ("nillable", "May not be nil."),
    "CVC_ELT_4_2": ("type", "Names an xsi:type that is not in the schema."),
    "CVC_ELT_4_3": ("type", "Names an xsi:type that does not fit here."),
}
_REQUIRED = re.compile(r"The attribute '([A-Za-z_][\w.-]*)' is required but missing\.\Z")


def masked(error: Any, root: Element, declared: frozenset[str]) -> PayloadError:
    """One entry of the library's log, as a position, a keyword and a sentence of ours."""
    keyword, message = _said(str(error.type_name).removeprefix("SCHEMAV_"), str(error.message))
    return PayloadError(_place(error.path or "", root, declared), keyword, message)


def _said(kind: str, text: str) -> tuple[str, str]:
    if kind in ("ELEMENT_CONTENT", "CVC_COMPLEX_TYPE_2_4"):
        found = _EXPECTED.search(text)
        if found is None:
            return "content", "This element is not expected here."
        return "content", f"Expected here: {found[1][:_SHOWN_CHARS_MAX]}."
    if kind == "CVC_COMPLEX_TYPE_4" and (named := _REQUIRED.search(text)):
        return "required", f"The attribute '{named[1]}' is missing."
    if kind.startswith("CVC_DATATYPE_VALID"):
        type_ = _TYPE.search(text)
        return "type", f"Must be of type {type_[1]}." if type_ else "Must be of its type."
    return _SENTENCES.get(kind, ("schema", "Does not satisfy the schema."))


def _place(path: str, root: Element, declared: frozenset[str]) -> str:
    """The path with local names, found by walking: libxml2 writes ``*`` for names it has no
    prefix for."""
    at: Element | None = None
    place = ""
    for written in path.split("/")[1:]:
        found = _STEP.fullmatch(written)
        if found is None:
            return place
        name, number = found[1], int(found[2] or 1)
        at = root if at is None else _child(at, name, number)
        if at is None:
            return place
        local = str(at.tag).rpartition("}")[2]
        step = local if local in declared else "*"
        place += f"/{step}[{number}]" if found[2] else f"/{step}"
    return place


def _child(parent: Element, name: str, number: int) -> Element | None:
    left = number
    for child in parent:
        if not isinstance(child.tag, str):
            continue
        prefix = f"{child.prefix}:" if child.prefix else ""
        if name == "*" or name == prefix + child.tag.rpartition("}")[2]:
            left -= 1
            if left == 0:
                return child
    return None

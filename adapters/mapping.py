"""Picking members out of one JSON document and putting them into another, declaratively.

Owns pointers (RFC 6901, with ``*`` for every item of a list) and the small language of mappings:

    "/name"                                   the value there
    "/items/*/code"                           a list of what is there in each item
    { each = "/items", as = { … } }           a list of objects, ``as`` applied to each item
    { const = "x" }                           always this value
    { given = "/first", family = "/last" }    an object, without what isn't there

Refuses expressions, conditions and anything else that would make it a programming language.

Invariant: everything is compiled when the settings are read; a call only walks.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from adapters.errors import AdapterSettingsInvalid


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
Pick: TypeAlias = Callable[[Any], Any]

_DEPTH_MAX: Final = 16


def compile_pointer(text: str) -> Pick:
    """A function from a document to the value at ``text``, or ``MISSING``.

    ``text`` is a JSON Pointer, or a dotted name (``address.city``) for members alone.

    Raises:
        AdapterSettingsInvalid: neither of the two.
    """
    steps = _steps(text)
    if not steps:
        return lambda document: document
    if len(steps) == 1 and steps[0] != "*":
        (member,) = steps
        return lambda document: _child(document, member)
    return lambda document: _walk(document, steps)


def _steps(text: str) -> tuple[str, ...]:
    if text == "":
        return ()
    if text.startswith("/"):
        raw = text[1:].split("/")
        if any("~" in step.replace("~0", "").replace("~1", "") for step in raw):
            raise AdapterSettingsInvalid(f"Not a JSON Pointer: {text!r}.")
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in raw)
    else:
        steps = tuple(text.split("."))
        if not all(steps):
            raise AdapterSettingsInvalid(f"Not a dotted name or a JSON Pointer: {text!r}.")
    if len(steps) > _DEPTH_MAX:
        raise AdapterSettingsInvalid(f"Deeper than {_DEPTH_MAX} steps: {text!r}.")
    return steps


def _child(node: Any, step: str) -> Any:
    if type(node) is dict:
        return node.get(step, MISSING)
    if type(node) is list and step.isascii() and step.isdigit() and len(step) < 10:
        index = int(step)
        is_canonical = step == "0" or step[0] != "0"
        return node[index] if is_canonical and index < len(node) else MISSING
    return MISSING


def _walk(node: Any, steps: tuple[str, ...]) -> Any:
    for at, step in enumerate(steps):
        if step == "*":
            if type(node) is not list:
                return MISSING
            rest = steps[at + 1 :]
            found = (_walk(item, rest) for item in node)
            return [value for value in found if value is not MISSING]
        node = _child(node, step)
        if node is MISSING:
            return MISSING
    return node


def compile_mapping(source: Any, depth: int = 0) -> Pick:
    """A function from a document to the mapped value, or ``MISSING``.

    Raises:
        AdapterSettingsInvalid: not in the language of this module, or nested deeper than 16.
    """
    if depth > _DEPTH_MAX:
        raise AdapterSettingsInvalid(f"A mapping nests deeper than {_DEPTH_MAX}.")
    if isinstance(source, str):
        if source and not source.startswith("/"):
            raise AdapterSettingsInvalid(
                f"A mapping names its source by JSON Pointer, with a slash in front: {source!r}."
            )
        return compile_pointer(source)
    if not isinstance(source, Mapping):
        raise AdapterSettingsInvalid("A mapping is a JSON Pointer or a table of them.")
    keys = set(source)
    if keys == {"const"}:
        value = source["const"]
        return lambda _document: value
    if keys == {"each", "as"}:
        return _compile_each(source["each"], source["as"], depth)
    if keys & {"const", "each", "as"}:
        raise AdapterSettingsInvalid("'const' stands alone in a mapping, 'each' and 'as' together.")
    return _compile_object(source, depth)


def _compile_each(where: Any, what: Any, depth: int) -> Pick:
    if not isinstance(where, str):
        raise AdapterSettingsInvalid("'each' is the JSON Pointer of a list.")
    pick_list, pick_item = compile_mapping(where), compile_mapping(what, depth + 1)

    def pick(document: Any) -> Any:
        items = pick_list(document)
        if type(items) is not list:
            return MISSING
        mapped = (pick_item(item) for item in items)
        return [value for value in mapped if value is not MISSING]

    return pick


def _compile_object(source: Mapping[str, Any], depth: int) -> Pick:
    members = [(name, compile_mapping(inner, depth + 1)) for name, inner in source.items()]

    def pick(document: Any) -> Any:
        found = {name: inner(document) for name, inner in members}
        return {name: value for name, value in found.items() if value is not MISSING}

    renames = [(name, _member(inner)) for name, inner in source.items()]
    return pick if any(key is None for _, key in renames) else _compile_renames(renames, pick)


def _member(source: Any) -> str | None:
    """The one member that a pointer names, or None."""
    steps = _steps(source) if isinstance(source, str) else ()
    return steps[0] if len(steps) == 1 and steps[0] != "*" else None


def _compile_renames(renames: list[tuple[str, str | None]], otherwise: Pick) -> Pick:
    """The same as ``otherwise``, at a third of the cost: most mappings only rename members."""

    def pick(document: Any) -> Any:
        if type(document) is not dict:
            return otherwise(document)
        out = {}
        for name, key in renames:
            value = document.get(key, MISSING)
            if value is not MISSING:
                out[name] = value
        return out

    return pick

"""References inside one document: they lead somewhere, they end, they cost a bounded amount.

Invariant: after ``check_references`` every ``$ref`` names a subschema of the same document, and
applying the schema to one value takes at most ``IN_PLACE_WEIGHT_MAX`` steps, nested at most
``IN_PLACE_DEPTH_MAX`` deep. Nothing is fetched, ever.
"""

from urllib.parse import unquote

from schemas import limits
from schemas.errors import SchemaInvalid
from schemas.formats.outline import Outline
from schemas.reasons import Reason


def check_references(found: Outline) -> None:
    """Resolve each reference and bound the work of each place.

    Raises:
        SchemaInvalid: a reference out of the document or to nowhere, a loop that never reaches
            the data, or more work for one value than the limits allow.
    """
    edges = {pointer: _applied(found, pointer) for pointer in found.subschemas}
    _bound_work(edges)


def may_be_asked_for_satisfiability(found: Outline) -> bool:
    """Whether the canonical form of this document is surely small.

    Alternatives multiply only where schemas are intersected, so they are counted when the
    document uses a keyword that intersects.
    """
    if len(found.subschemas) > limits.SATISFIABILITY_SUBSCHEMAS_MAX:
        return False
    bodies = [subschema.body for subschema in found.subschemas.values()]
    if not any(
        body.keys() & {"allOf", "not", "if", "dependentSchemas", "dependencies"} for body in bodies
    ):
        return True
    cases = 1
    for body in bodies:
        for keyword in ("anyOf", "oneOf"):
            cases *= max(1, len(body.get(keyword, ())))
        cases *= 2 if body.keys() & {"if", "not"} else 1
        if cases > limits.SATISFIABILITY_CASES_MAX:
            return False
    return True


def _applied(found: Outline, pointer: str) -> list[str]:
    subschema = found.subschemas[pointer]
    if subschema.ref is None:
        return subschema.in_place
    return [*subschema.in_place, _resolve(found, pointer, subschema.ref)]


def _resolve(found: Outline, pointer: str, ref: str) -> str:
    if not ref.startswith("#"):
        raise SchemaInvalid(Reason.REMOTE_REFERENCE, pointer)
    fragment = unquote(ref[1:])
    if fragment and not fragment.startswith("/"):
        target = found.anchors.get(fragment)
    else:
        target = fragment if fragment in found.subschemas else None
    if target is None:
        raise SchemaInvalid(Reason.REFERENCE_UNRESOLVED, pointer)
    return target


def _bound_work(edges: dict[str, list[str]]) -> None:
    height: dict[str, int] = {}
    weight: dict[str, int] = {}
    for start in edges:
        path: dict[str, None] = {}
        stack = [start]
        while stack:
            pointer = stack[-1]
            if pointer in weight:
                stack.pop()
                continue
            path[pointer] = None
            waiting = [child for child in edges[pointer] if child not in weight]
            if any(child in path for child in waiting):
                raise SchemaInvalid(Reason.REFERENCE_LOOP, pointer)
            if waiting:
                stack.append(waiting[0])
                continue
            stack.pop()
            del path[pointer]
            height[pointer] = 1 + max((height[child] for child in edges[pointer]), default=0)
            weight[pointer] = 1 + sum(weight[child] for child in edges[pointer])
            _refuse_excess(pointer, height[pointer], weight[pointer])


def _refuse_excess(pointer: str, height: int, weight: int) -> None:
    # A height of 64 nested applicators counts the place itself as one more.
    if height > limits.IN_PLACE_DEPTH_MAX + 1 or weight > limits.IN_PLACE_WEIGHT_MAX:
        raise SchemaInvalid(Reason.TOO_INTRICATE, pointer)

"""One document out of a schema and the registered schemas that it refers to.

A reference to a registered schema is a ``$ref`` whose part before ``#`` is a name that was given
with the text. Each schema referred to, however far, is copied once under ``$defs`` (draft-07:
``definitions``) and every ``$ref`` is made to lead there, so that all that is checked of one
document is checked of the whole, and compiling it looks nothing up. Invariant: what is copied was
admitted under its fingerprint, so the whole means the same for ever.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from schemas import limits
from schemas.errors import SchemaInvalid
from schemas.formats.outline import Json, Outline, dialect_of, escape, outline
from schemas.formats.port import References
from schemas.reasons import Reason
from signing.strict_json import parse_json


def bundled(document: Json, references: References) -> Json:
    """``document`` itself when there are no references, otherwise a copy that holds them.

    Limits: ``REFERENCES_MAX`` schemas, ``REFERENCES_BYTES_MAX`` bytes of their texts.

    Raises:
        SchemaInvalid: too many, of another dialect, not used, or ambiguous in themselves.
    """
    if not references:
        return document
    parsed = _reached(references)
    dialect = dialect_of(document)
    for one in parsed.values():
        if dialect_of(one.document) is not dialect:
            raise SchemaInvalid(Reason.REFERENCE_DIALECT, name=one.name)
    whole = deepcopy(document)
    own = outline(whole)
    _refuse_unused(own, references)
    named = whole.setdefault(dialect.named, {})
    if not isinstance(named, dict):
        raise SchemaInvalid(Reason.METASCHEMA, f"/{dialect.named}", why="it must be an object")
    places = {fingerprint: _free(named, fingerprint) for fingerprint in parsed}
    for fingerprint, one in parsed.items():
        _lead(one.found, f"/{dialect.named}/{places[fingerprint]}", one.references, places, parsed)
    _lead(own, "", references, places, parsed)
    for fingerprint, one in parsed.items():
        for subschema in one.found.subschemas.values():
            subschema.body.pop("$anchor", None)
        kept = {name: value for name, value in one.document.items() if name not in _OF_A_ROOT}
        named[places[fingerprint]] = kept
    return whole


_OF_A_ROOT = frozenset({"$schema", "$id"})


@dataclass(slots=True)
class _Parsed:
    name: str
    document: Json
    found: Outline
    references: References


def _reached(references: References) -> dict[str, _Parsed]:
    parsed: dict[str, _Parsed] = {}
    bytes_left = limits.REFERENCES_BYTES_MAX
    pending = list(references.items())
    while pending:
        name, source = pending.pop()
        if source.fingerprint in parsed:
            continue
        if source.format != "json-schema":
            raise SchemaInvalid(Reason.REFERENCE_DIALECT, name=name[:100])
        data = source.text.encode("utf-8")
        bytes_left -= len(data)
        if len(parsed) == limits.REFERENCES_MAX or bytes_left < 0:
            raise SchemaInvalid(Reason.TOO_MANY_REFERENCES)
        document = parse_json(data, depth_max=199, bytes_max=limits.TEXT_BYTES_MAX)
        found = outline(document)
        parsed[source.fingerprint] = _Parsed(name[:100], document, found, source.references)
        pending.extend(source.references.items())
    return parsed


def _refuse_unused(own: Outline, references: References) -> None:
    used = {(one.ref or "").partition("#")[0] for one in own.subschemas.values()}
    for name in references:
        if name not in used:
            raise SchemaInvalid(Reason.REFERENCE_UNUSED, name=name[:100])


def _free(named: dict[str, Any], fingerprint: str) -> str:
    while fingerprint in named:
        fingerprint += "'"
    return fingerprint


def _lead(
    found: Outline,
    prefix: str,
    references: References,
    places: dict[str, str],
    parsed: dict[str, _Parsed],
) -> None:
    for subschema in found.subschemas.values():
        ref = subschema.ref
        if ref is None:
            continue
        base, hash_, fragment = ref.partition("#")
        if not base:
            if prefix and hash_:
                subschema.body["$ref"] = f"#{prefix}{_pointer(found, fragment)}"
        elif base in references:
            fingerprint = references[base].fingerprint
            target = parsed[fingerprint]
            where = f"/{found.dialect.named}/{escape(places[fingerprint])}"
            subschema.body["$ref"] = f"#{where}{_pointer(target.found, fragment)}"


def _pointer(found: Outline, fragment: str) -> str:
    """``fragment`` as a pointer, percent-encoded as it came; what leads nowhere stays so."""
    if not fragment or fragment.startswith("/"):
        return fragment
    anchor = found.anchors.get(unquote(fragment))
    return f"/{fragment}" if anchor is None else anchor.replace("%", "%25")

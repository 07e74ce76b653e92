"""Why a schema is not admitted: one code and one sentence a rule, each saying what to do.

Data, not code: the documentation is generated from this table, and a test makes each refusal
happen. ``{place}`` is a JSON Pointer into the schema.
"""

from enum import StrEnum

from schemas import limits


class Reason(StrEnum):
    """The rule that a schema broke; stable, so that tools can tell them apart."""

    TOO_LONG = "too-long"
    NOT_JSON = "not-strict-json"
    NOT_AN_OBJECT = "not-an-object"
    TOO_DEEP = "too-deep"
    DIALECT_MISSING = "dialect-missing"
    DIALECT_UNKNOWN = "dialect-unknown"
    TOO_MANY_SUBSCHEMAS = "too-many-subschemas"
    TOO_MANY_PATTERNS = "too-many-patterns"
    DYNAMIC_REFERENCE = "dynamic-reference"
    EMBEDDED_RESOURCE = "embedded-resource"
    ID_RESERVED = "id-reserved"
    ANCHOR_TWICE = "anchor-twice"
    REMOTE_REFERENCE = "remote-reference"
    REFERENCE_UNRESOLVED = "reference-unresolved"
    REFERENCE_LOOP = "reference-loop"
    TOO_INTRICATE = "too-intricate"
    PATTERN_REFUSED = "pattern-refused"
    METASCHEMA = "metaschema"
    NUMBER_INEXACT = "number-inexact"
    NOT_COMPILED = "not-compiled"
    UNSATISFIABLE = "unsatisfiable"


DIALECT_2020_12 = "https://json-schema.org/draft/2020-12/schema"

SENTENCES: dict[Reason, str] = {
    Reason.TOO_LONG: (
        "The schema's text is {size} bytes; at most "
        f"{limits.TEXT_BYTES_MAX} are admitted. Split it into services with smaller messages."
    ),
    Reason.NOT_JSON: "The schema is not strict JSON: {why} Mend the text and send it again.",
    Reason.NOT_AN_OBJECT: (
        "A schema must be a JSON object. Write {{}} with $schema for one that admits everything."
    ),
    Reason.TOO_DEEP: (
        "The schema nests {depth} levels deep; at most "
        f"{limits.DEPTH_MAX} are admitted. Move inner parts to $defs and refer to them."
    ),
    Reason.DIALECT_MISSING: (
        f'The schema names no dialect. Add "$schema": "{DIALECT_2020_12}" at its top.'
    ),
    Reason.DIALECT_UNKNOWN: (
        "The dialect at {place} is not offered. "
        f'Use exactly "$schema": "{DIALECT_2020_12}", once, at the top.'
    ),
    Reason.TOO_MANY_SUBSCHEMAS: (
        f"The schema has more than {limits.SUBSCHEMAS_MAX} subschemas. "
        "Put what repeats into $defs, or split the service."
    ),
    Reason.TOO_MANY_PATTERNS: (
        f"The schema has more than {limits.PATTERNS_MAX} patterns. "
        "Put what repeats into $defs and refer to it."
    ),
    Reason.DYNAMIC_REFERENCE: (
        "{place} uses {keyword}, which changes meaning with the path that leads to it. "
        "Use $ref with $defs instead."
    ),
    Reason.EMBEDDED_RESOURCE: (
        "{place} has an $id of its own. Remove it: only the top of a schema may have one, "
        "so that # means the same everywhere."
    ),
    Reason.ID_RESERVED: (
        "The $id belongs to json-schema.org or holds a fragment. Use an address of your own "
        "without '#', or leave $id out."
    ),
    Reason.ANCHOR_TWICE: "{place} repeats the $anchor '{name}'. Give each anchor its own name.",
    Reason.REMOTE_REFERENCE: (
        "The $ref at {place} leads out of this document; nothing is ever fetched. "
        "Copy what it names into $defs and write '#/$defs/NAME'."
    ),
    Reason.REFERENCE_UNRESOLVED: (
        "The $ref at {place} leads to no subschema of this document. "
        "Mend the name, or add it to $defs."
    ),
    Reason.REFERENCE_LOOP: (
        "{place} leads back to itself without going into the data, so it would never end. "
        "Put properties or items between."
    ),
    Reason.TOO_INTRICATE: (
        "{place} applies more than "
        f"{limits.IN_PLACE_WEIGHT_MAX} subschemas, or {limits.IN_PLACE_DEPTH_MAX} nested ones, "
        "to one value. Flatten its allOf, anyOf, oneOf and $ref."
    ),
    Reason.PATTERN_REFUSED: (
        "The pattern at {place} does not compile in linear time: it is malformed, too large, or "
        "uses look-around or back-references. Rewrite it without them, and bound a text's length "
        "by maxLength, not by {{1,200}}."
    ),
    Reason.METASCHEMA: (
        "{place} is not valid JSON Schema 2020-12 ({why}). Mend it as the standard says."
    ),
    Reason.NUMBER_INEXACT: (
        "The schema holds an integer beyond 2^53-1, which has no exact form in JSON everywhere. "
        "Use a smaller bound, or a string with a pattern."
    ),
    Reason.NOT_COMPILED: (
        "The validator does not take this schema ({why}). Simplify the place it names."
    ),
    Reason.UNSATISFIABLE: (
        "No document can satisfy this schema. Look for rules that exclude each other, such as a "
        "required property that is false, or minLength above maxLength."
    ),
}

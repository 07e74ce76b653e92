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
    ID_INVALID = "id-invalid"
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
    AVRO_INVALID = "avro-invalid"
    NOT_XML = "not-strict-xml"
    DOCUMENT_TYPE = "document-type"
    XSD_LEADS_OUT = "xsd-leads-out"
    XSD_NOT_OFFERED = "xsd-not-offered"
    XSD_TOO_BIG = "xsd-too-big"
    XSD_INVALID = "xsd-invalid"
    REFERENCES_NOT_OFFERED = "references-not-offered"
    EXAMPLE_FAILS = "example-fails"
    COUNTER_EXAMPLE_PASSES = "counter-example-passes"
    REFERENCE_UNUSED = "reference-unused"
    REFERENCE_DIALECT = "reference-dialect"
    TOO_MANY_REFERENCES = "too-many-references"


DIALECT_2020_12 = "https://json-schema.org/draft/2020-12/schema"
DIALECT_DRAFT_07 = "http://json-schema.org/draft-07/schema#"

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
        f'Use exactly "$schema": "{DIALECT_2020_12}" (or "{DIALECT_DRAFT_07}"), once, at the top.'
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
    Reason.ID_INVALID: (
        "The $id is not a URI reference (RFC 3986). Write an address such as "
        "https://example.org/person, or leave $id out."
    ),
    Reason.ANCHOR_TWICE: "{place} repeats the $anchor '{name}'. Give each anchor its own name.",
    Reason.REMOTE_REFERENCE: (
        "The $ref at {place} leads out of this document; nothing is ever fetched. "
        "Copy what it names into $defs and write '#/$defs/NAME', or name it in 'references' with "
        "the subject and version under which it is registered."
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
        "uses look-around or back-references (in XSD: repeats what repeats). Rewrite it without "
        "them, and bound a text's length by maxLength, not by {{1,200}}."
    ),
    Reason.METASCHEMA: (
        "{place} is not valid in the dialect that $schema names ({why}). "
        "Mend it as the standard says."
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
    Reason.AVRO_INVALID: (
        "{place} is not valid Avro ({why}). Mend it as the Avro specification says."
    ),
    Reason.NOT_XML: "The schema is not strict XML: {why} Mend the text and send it again.",
    Reason.DOCUMENT_TYPE: (
        "The schema has a document type declaration, which could define entities or lead out of "
        "the document. Remove <!DOCTYPE …>."
    ),
    Reason.XSD_LEADS_OUT: (
        "{place} is an xs:{keyword}, which leads out of this document; nothing is ever fetched. "
        "Copy what it names into this schema."
    ),
    Reason.XSD_NOT_OFFERED: (
        "{place} uses xs:{keyword}, whose cost can't be bounded. Leave it out, and say the rule in "
        "the documentation."
    ),
    Reason.XSD_TOO_BIG: (
        f"{{place}} is beyond a limit: {limits.XSD_ELEMENTS_MAX} elements in a schema, types and "
        f"groups opened up included, {limits.XSD_PARTICLES_MAX} in one content model, "
        f"{limits.XSD_OCCURS_MAX} for minOccurs, maxOccurs and lengths "
        "within patterns. Use 'unbounded', or split the service."
    ),
    Reason.XSD_INVALID: ("{place} is not valid XSD 1.0 ({why}). Mend it as the standard says."),
    Reason.REFERENCES_NOT_OFFERED: (
        "A schema of format '{format}' stands by itself: only JSON Schema and Avro may refer to "
        "registered schemas. Copy what it needs into the text and leave 'references' out."
    ),
    Reason.EXAMPLE_FAILS: (
        "The example at {place} does not satisfy the schema. {why} Mend the example or the schema."
    ),
    Reason.COUNTER_EXAMPLE_PASSES: (
        "The counter-example at {place} satisfies the schema. Mend it, or tighten the schema."
    ),
    Reason.REFERENCE_UNUSED: (
        "The schema doesn't use '{name}', which 'references' names: in JSON Schema what stands "
        "before '#' in a $ref, in Avro the full name of a type. Use it, or leave it out."
    ),
    Reason.REFERENCE_DIALECT: (
        "What 'references' names '{name}' is of another format or dialect. "
        "Refer only to schemas of the same format, with the same $schema."
    ),
    Reason.TOO_MANY_REFERENCES: (
        f"The schema refers to more than {limits.REFERENCES_MAX} others, or to more than "
        f"{limits.REFERENCES_BYTES_MAX} bytes of them, counted to the end. Copy the few "
        "definitions that are used into $defs."
    ),
}

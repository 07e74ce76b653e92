"""An example of a schema to show: a registered one, or one that is made up.

Invariant: whatever is shown was checked against the schema, by the validator that checks payloads.
The same schema has the same example. Of XSD none is made up.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.avro_generation import avro_example
from schemas.catalogue import compile_schema, media_types_of
from schemas.errors import PayloadInvalid
from schemas.formats.avro import Avro, whole_types
from schemas.formats.json_schema import JsonSchema
from schemas.formats.port import NO_REFERENCES, References
from schemas.generation import example_of


@dataclass(frozen=True, slots=True)
class Shown:
    """A payload that satisfies its schema, as people write it; ``made_up`` when nobody sent it."""

    text: str
    media_type: str
    made_up: bool


def example_to_show(
    format: str,
    text: str,
    examples: Sequence[str] = (),
    references: References = NO_REFERENCES,
) -> Shown | None:
    """The first registered example, otherwise one that is made up; None where there is none.

    Takes milliseconds; at most some 50 ms at the limits of a schema.

    Raises:
        SchemaUnknown: a format that is not offered, or not without an extra.
        SchemaInvalid: the text was never admitted.
    """
    media_type = media_types_of(format)[-1]
    if examples:
        return Shown(examples[0], media_type, made_up=False)
    made = _made(format, text, references)
    if made is None:
        return None
    written = json.dumps(made[0], ensure_ascii=False, indent=2)
    try:
        compile_schema(format, text, references).check(written.encode("utf-8"), media_type)
    except (PayloadInvalid, UnicodeEncodeError):
        return None
    return Shown(written, media_type, made_up=True)


def _made(format: str, text: str, references: References) -> tuple[Any] | None:
    if format == JsonSchema.name:
        return example_of(text, references)
    if format == Avro.name:
        return avro_example(whole_types(text, references))
    return None

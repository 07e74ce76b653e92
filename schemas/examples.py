"""Examples and counter-examples of a schema, run.

Owns what they must be: texts in the way of writing that people use for the format's payloads
(JSON, Avro's JSON encoding, XML).
"""

from collections.abc import Sequence

from schemas.catalogue import Validator, compile_schema
from schemas.errors import PayloadInvalid, SchemaInvalid
from schemas.formats.port import NO_REFERENCES, References
from schemas.reasons import Reason


def check_examples(
    format: str,
    text: str,
    examples: Sequence[str],
    counter_examples: Sequence[str],
    references: References = NO_REFERENCES,
) -> None:
    """Show that each example satisfies an admitted schema and each counter-example does not.

    Raises:
        SchemaInvalid: one that doesn't do so, by its number, counted from 0.
        SchemaUnknown: a format that is not offered, or not without an extra.
    """
    if not examples and not counter_examples:
        return
    validator = compile_schema(format, text, references)
    for number, example in enumerate(examples):
        try:
            _check(validator, example)
        except PayloadInvalid as error:
            place = f"/examples/{number}"
            raise SchemaInvalid(Reason.EXAMPLE_FAILS, place, why=error.detail) from error
    for number, example in enumerate(counter_examples):
        try:
            _check(validator, example)
        except PayloadInvalid:
            continue
        raise SchemaInvalid(Reason.COUNTER_EXAMPLE_PASSES, f"/counter_examples/{number}")


def _check(validator: Validator, example: str) -> None:
    validator.check(example.encode("utf-8", "surrogatepass"), validator.media_types[-1])

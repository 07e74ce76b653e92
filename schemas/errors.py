"""The branch for what schemas refuse.

    SealwayError
    └── SchemaError
        ├── SchemaInvalid     a text that is not admitted as a schema; ``reason`` says which rule
        ├── SchemaUnknown     a format, or a fingerprint, that nobody registered
        ├── ExtraMissing      a format whose library this install lacks
        └── PayloadInvalid    a payload that does not satisfy its schema; ``errors`` lists where
            └── PayloadUndeclared   … that holds what its schema doesn't declare

Invariant: a ``PayloadInvalid`` carries names from the schema and positions in the payload, never
a value of the payload.
"""

from dataclasses import dataclass

from schemas.reasons import SENTENCES, Reason
from signing.errors import SealwayError


class SchemaError(SealwayError):
    """What the schemas package refuses."""

    code = "request-invalid"


class SchemaInvalid(SchemaError):
    """A text that is not admitted; ``pointer`` is the JSON Pointer of the place in it."""

    code = "request-invalid"

    def __init__(self, reason: Reason, pointer: str = "", **values: object) -> None:
        place = pointer or "the top of the schema"
        super().__init__(SENTENCES[reason].format(place=place, **values), reason=reason)
        self.reason = reason
        self.pointer = pointer


class SchemaUnknown(SchemaError):
    """A schema format that is not offered, or a fingerprint that is not registered."""

    code = "schema-unknown"


class ExtraMissing(SchemaUnknown):
    """A format that is known here and can't be judged: its library is not installed."""

    code = "schema-unknown"

    def __init__(self, format: str) -> None:
        super().__init__(
            f"Schemas of format '{format}' need the extra 'formats', which is not installed here: "
            "pip install 'sealway[formats]'."
        )


@dataclass(frozen=True, slots=True)
class PayloadError:
    """One place where a payload fails: JSON Pointer, keyword, a sentence without values.

    Of XML the pointer is a path such as ``/person/child[2]``.
    """

    pointer: str
    keyword: str
    message: str


class PayloadInvalid(SchemaError):
    """A payload that can't be read strictly or does not satisfy its schema.

    ``complete`` is false when the list was cut: more than 100 errors, or a payload so big that
    only its first error was looked for.
    """

    code = "payload-invalid"
    what = "The payload does not satisfy its schema"

    def __init__(self, errors: tuple[PayloadError, ...], *, complete: bool = True) -> None:
        assert errors, "a payload without errors is valid"
        first = errors[0]
        count = f"{len(errors)}{'' if complete else ' or more'}"
        noun = "place" if count == "1" else "places"
        where = first.pointer or "the top"
        super().__init__(f"{self.what} in {count} {noun}; first at {where}: {first.message}")
        self.errors = errors
        self.complete = complete


class PayloadUndeclared(PayloadInvalid):
    """A payload that satisfies its schema and holds fields that the schema doesn't declare.

    Refused where versions follow each other under EVOLVE, which counts on it.
    """

    code = "payload-undeclared"
    what = "The payload holds what its schema does not declare"

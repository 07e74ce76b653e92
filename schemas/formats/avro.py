"""Avro: what is admitted, and how payloads in its two encodings are checked.

Admission is by our own strict reading and by ``fastavro``, which also checks defaults and logical
types; it needs the extra ``formats``. Checking payloads needs no library. Refuses to read names
from files, and references to other registered schemas.
"""

from typing import Any, ClassVar

from schemas import limits
from schemas.errors import ExtraMissing, PayloadError, PayloadInvalid, SchemaInvalid
from schemas.formats.avro_binary import read_value
from schemas.formats.avro_json import check_value
from schemas.formats.avro_types import Node, read_types
from schemas.formats.json_schema import fingerprint_of, parse_payload, parse_text
from schemas.formats.port import NO_REFERENCES, References
from schemas.reasons import Reason

BINARY, JSON = "avro/binary", "avro/json"
_WHY_CHARS_MAX = 160
_UNFORESEEN = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What the library raises for attributes of a type that it doesn't expect."""


class Avro:
    """The format ``avro``."""

    name: ClassVar[str] = "avro"
    media_types: ClassVar[tuple[str, ...]] = (BINARY, JSON)

    def admit(self, text: str, references: References = NO_REFERENCES) -> str:
        """The fingerprint of ``text``: ``sha256:`` over RFC 8785 of format, schema, references.

        Raises:
            SchemaInvalid: the first rule that is broken, with its place.
            ExtraMissing: ``fastavro`` is not installed.
        """
        if references:
            raise SchemaInvalid(Reason.REFERENCES_NOT_OFFERED, format=self.name)
        document = parse_text(text)
        read_types(document)
        fingerprint = fingerprint_of(self.name, document)
        _judge(document)
        return fingerprint

    def compile(self, text: str, references: References = NO_REFERENCES) -> "AvroCheck":
        """The check of an admitted text. Raises SchemaInvalid."""
        return AvroCheck(read_types(parse_text(text)))


class AvroCheck:
    """One schema, ready to check."""

    __slots__ = ("_root",)

    def __init__(self, root: Node) -> None:
        self._root = root

    def check(self, data: bytes, media_type: str) -> Any:
        """The value, read from the encoding that the media type names. Raises PayloadInvalid."""
        if media_type == BINARY:
            if len(data) > limits.PAYLOAD_BYTES_MAX:
                said = f"Must have at most {limits.PAYLOAD_BYTES_MAX} bytes."
                raise PayloadInvalid((PayloadError("", "size", said),))
            return read_value(self._root, data)
        value = parse_payload(data)
        check_value(self._root, value)
        return value


def _judge(document: Any) -> None:
    try:
        from fastavro.schema import SchemaParseException, UnknownType, parse_schema
    except ModuleNotFoundError as error:
        raise ExtraMissing(Avro.name) from error
    try:
        parse_schema(document)
    except (SchemaParseException, UnknownType, *_UNFORESEEN) as error:
        why = " ".join(str(error).split())[:_WHY_CHARS_MAX].rstrip(".")
        raise SchemaInvalid(Reason.AVRO_INVALID, why=why or type(error).__name__) from error

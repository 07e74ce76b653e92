"""Avro: what is admitted, and how payloads in its two encodings are checked.

Admission is by our own strict reading and by ``fastavro``, which also checks defaults and logical
types; it needs the extra ``formats``. Checking payloads needs no library. Refuses to read names
from files.
"""

import json
from collections.abc import Sequence
from io import StringIO
from typing import Any, ClassVar

from schemas import limits
from schemas.errors import ExtraMissing, PayloadError, PayloadInvalid, SchemaInvalid
from schemas.formats.avro_binary import read_value
from schemas.formats.avro_json import check_value
from schemas.formats.avro_references import AVRO_FORMAT, read_whole
from schemas.formats.avro_types import Node
from schemas.formats.json_schema import fingerprint_of, parse_payload, parse_text
from schemas.formats.port import NO_REFERENCES, References
from schemas.reasons import Reason

BINARY, JSON = "avro/binary", "avro/json"
_WHY_CHARS_MAX = 160
_UNFORESEEN = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What the library raises for attributes of a type that it doesn't expect."""


class Avro:
    """The format ``avro``."""

    name: ClassVar[str] = AVRO_FORMAT
    media_types: ClassVar[tuple[str, ...]] = (BINARY, JSON)

    def admit(self, text: str, references: References = NO_REFERENCES) -> str:
        """The fingerprint of ``text``: ``sha256:`` over RFC 8785 of format, schema, references.

        Raises:
            SchemaInvalid: the first rule that is broken, with its place.
            ExtraMissing: ``fastavro`` is not installed.
        """
        document = parse_text(text)
        whole = read_whole(document, references)
        fingerprint = fingerprint_of(
            self.name, document, [references[name].fingerprint for name in sorted(references)]
        )
        _judge(whole.documents)
        return fingerprint

    def compile(self, text: str, references: References = NO_REFERENCES) -> "AvroCheck":
        """The check of an admitted text. Raises SchemaInvalid."""
        return AvroCheck(whole_types(text, references))


def whole_types(text: str, references: References = NO_REFERENCES) -> Node:
    """The types of an admitted text, those of other schemas that it names included.

    Raises:
        SchemaInvalid: the text was never admitted.
    """
    return read_whole(parse_text(text), references).root


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


def _judge(documents: Sequence[Any]) -> None:
    try:
        from fastavro.schema import SchemaParseException, UnknownType, parse_schema
    except ModuleNotFoundError as error:
        raise ExtraMissing(Avro.name) from error
    named: dict[str, Any] = {}
    try:
        for document in documents:
            parse_schema(document, named_schemas=named)
    except (SchemaParseException, UnknownType, *_UNFORESEEN) as error:
        why = " ".join(str(error).split())[:_WHY_CHARS_MAX].rstrip(".")
        raise SchemaInvalid(Reason.AVRO_INVALID, why=why or type(error).__name__) from error


def is_unresolvable(writer: str, reader: str, value: Any) -> bool:
    """Whether ``fastavro`` can't read by one admitted text a value that it can by another.

    ``value`` is in Avro's JSON encoding. False wherever the library is not there or fails for
    another reason: that proves nothing.
    """
    try:
        from fastavro import json_reader
        from fastavro.read import SchemaResolutionError
    except ModuleNotFoundError:
        return False
    written = parse_text(writer)
    try:
        list(json_reader(StringIO(json.dumps(value)), written))
    except Exception:
        return False
    try:
        list(json_reader(StringIO(json.dumps(value)), written, parse_text(reader)))
    except SchemaResolutionError:
        return True
    except Exception:
        return False
    return False

"""An Avro schema together with the registered ones whose types it names.

A reference's name is the full name of a type that the registered schema defines, as Confluent's
clients write it. Invariant: what a document may name is what it defines and what the documents
define that it refers to itself; no name means two types anywhere in the whole.
"""

from dataclasses import dataclass
from typing import Any

from schemas import limits
from schemas.errors import SchemaInvalid
from schemas.formats.avro_types import Node, TypeReader
from schemas.formats.port import References
from schemas.reasons import Reason
from signing.strict_json import parse_json

AVRO_FORMAT = "avro"


@dataclass(frozen=True, slots=True)
class Whole:
    """The types of a schema, and its documents: what is referred to comes before who refers."""

    root: Node
    documents: tuple[Any, ...]


def read_whole(document: Any, references: References) -> Whole:
    """The types of a parsed schema and of all that it refers to, however far.

    Limits: ``REFERENCES_MAX`` schemas, ``REFERENCES_BYTES_MAX`` bytes of their texts.

    Raises:
        SchemaInvalid: not Avro; a reference that is not used, or of another format; too many.
    """
    reading = _Reading()
    seen = reading.follow(references)
    root = reading.types.read_document(document, seen)
    for name in references:
        if name not in reading.types.used:
            raise SchemaInvalid(Reason.REFERENCE_UNUSED, name=name[:100])
    return Whole(root, (*reading.documents, document))


class _Reading:
    def __init__(self) -> None:
        self.types = TypeReader()
        self.documents: list[Any] = []
        self._defined: dict[str, frozenset[str]] = {}
        self._bytes_left = limits.REFERENCES_BYTES_MAX

    def follow(self, references: References) -> frozenset[str]:
        """Read what is referred to, each once; the names that these define."""
        seen: set[str] = set()
        for name in sorted(references):
            source = references[name]
            if source.fingerprint not in self._defined:
                if source.format != AVRO_FORMAT:
                    raise SchemaInvalid(Reason.REFERENCE_DIALECT, name=name[:100])
                inner = self.follow(source.references)
                self._defined[source.fingerprint] = self._read(source.text, inner)
            seen |= self._defined[source.fingerprint]
        return frozenset(seen)

    def _read(self, text: str, seen: frozenset[str]) -> frozenset[str]:
        data = text.encode("utf-8")
        self._bytes_left -= len(data)
        if len(self.documents) == limits.REFERENCES_MAX or self._bytes_left < 0:
            raise SchemaInvalid(Reason.TOO_MANY_REFERENCES)
        document = parse_json(data, depth_max=199, bytes_max=limits.TEXT_BYTES_MAX)
        self.types.read_document(document, seen)
        self.documents.append(document)
        return self.types.own

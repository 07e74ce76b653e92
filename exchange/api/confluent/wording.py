"""Schemas in Confluent's words: its type names, its members, and what left out means."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from exchange.api.replies import HeaderLine, Reply
from registry.directory import Directory
from registry.schema_versions import SchemaVersion

MEDIA_TYPE: Final = b"application/vnd.schemaregistry.v1+json"
DEFAULT_TYPE: Final = "AVRO"
FORMAT_OF: Final = {"JSON": "json-schema", "AVRO": "avro", "XSD": "xsd"}
"""Confluent's types; ``XSD`` is ours: its clients can hold such a schema, and don't read it."""
TYPE_OF: Final = {format: name for name, format in FORMAT_OF.items()}


def confluent_reply(document: Any, status: int = 200, headers: Iterable[HeaderLine] = ()) -> Reply:
    """A document as Confluent's clients take it."""
    return status, [(b"content-type", MEDIA_TYPE), *headers], orjson.dumps(document)


def text_reply(text: str) -> Reply:
    """A schema alone: its text, not a JSON string of it."""
    return 200, [(b"content-type", MEDIA_TYPE)], text.encode("utf-8")


def schema_members(directory: Directory, schema: SchemaVersion) -> dict[str, Any]:
    """What a schema is, without where it is registered; AVRO and no references are left out."""
    members: dict[str, Any] = {"schema": schema.text}
    name = TYPE_OF[schema.format]
    if name != DEFAULT_TYPE:
        members["schemaType"] = name
    if schema.references:
        members["references"] = [
            {"name": one.name, "subject": found.subject, "version": found.version}
            for one in schema.references
            for found in [directory.schema(one.fingerprint)]
            if found is not None
        ]
    return members


def version_members(directory: Directory, schema: SchemaVersion) -> dict[str, Any]:
    """A schema with its subject, id and version."""
    return {
        "subject": schema.subject,
        "id": schema.id,
        "version": schema.version,
        **schema_members(directory, schema),
    }

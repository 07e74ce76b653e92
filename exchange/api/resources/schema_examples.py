"""``GET /v1/schemas/{fingerprint}/example``: a payload that satisfies a schema, to look at or try.

The payload itself, with its own media type, and not a member of the schema: what a person reads
and puts back must be what is registered. Whoever sees the schema sees it.
"""

from fastapi import APIRouter, Response

from exchange.api.errors import NotFound
from exchange.api.resources.asked import BusOf, CallerOf, respond
from exchange.api.resources.schemas import COLLECTION
from registry.schema_versions import SchemaVersion
from schemas.showing import example_to_show

router = APIRouter(tags=["schemas"])


@router.get("/v1/schemas/{fingerprint}/example", summary="A payload that satisfies a schema")
async def example(fingerprint: str, api: BusOf, caller: CallerOf) -> Response:
    """The first registered example, or one that is made up: the same each time, and checked."""
    directory = api.directory.current
    schema = COLLECTION.fetch(directory, caller, fingerprint)
    assert isinstance(schema, SchemaVersion)
    references = directory.references(schema)
    shown = example_to_show(schema.format, schema.text, schema.examples, references)
    if shown is None:
        raise NotFound("No example is registered with this schema, and none can be made up.")
    made_up = b"?1" if shown.made_up else b"?0"  # RFC 8941 booleans
    headers = [
        (b"content-type", shown.media_type.encode("ascii")),
        (b"sealway-made-up", made_up),
    ]
    return respond((200, headers, shown.text.encode("utf-8", "surrogatepass")))

"""``/v1/certificates``: whose key is whose. Listed: one's own. Shown, with proof: any.

Whoever is on the bus must be able to check whoever else is, so a certificate is shown to every
caller by its thumbprint, with its ``trust`` record and that record's receipt in log 0.
"""

from fastapi import APIRouter, Response

from exchange.api.errors import NotFound
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, respond
from exchange.api.resources.objects import Collection, add_routes, object_tag
from exchange.api.resources.proofs import proven_record
from registry.certificates import Certificate
from registry.directory import Directory
from registry.nouns import Noun
from registry.objects import DirectoryObject
from signing.identifiers import SystemId


def visible(directory: Directory, system: SystemId) -> list[DirectoryObject]:
    """The system's own certificates, whatever their state."""
    return [
        one
        for one in directory.objects(Noun.CERTIFICATE)
        if isinstance(one, Certificate) and one.system == system
    ]


COLLECTION = Collection(Noun.CERTIFICATE, "/v1/certificates", visible)
router = APIRouter(tags=["certificates"])


@router.get("/v1/certificates/{key}", summary="Show a certificate with its proof")
async def show(key: str, api: BusOf, _caller: CallerOf) -> Response:
    """The object, its record, and the record's receipt in log 0."""
    found = api.directory.current.get(Noun.CERTIFICATE, key)
    if found is None:
        raise NotFound("There is no certificate of this thumbprint.")
    proof = await proven_record(api, Noun.CERTIFICATE, key)
    etag = (b"etag", object_tag(found).encode("ascii"))
    return respond(json_reply({**found.to_object(), **proof}, headers=[etag]))


add_routes(router, COLLECTION, with_show=False)

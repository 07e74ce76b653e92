"""``/v1/schemas``: payload contracts. A system sees those of the services that it sees."""

from exchange.api.resources.objects import Collection, routes
from registry.access import visible_services
from registry.directory import Directory
from registry.nouns import Noun
from registry.objects import DirectoryObject
from signing.identifiers import SystemId


def visible(directory: Directory, system: SystemId) -> list[DirectoryObject]:
    """The schemas that visible services name, in order of fingerprints."""
    named = {
        fingerprint
        for service in visible_services(directory, system)
        for fingerprint in (service.request_schema, service.response_schema)
    }
    found = (directory.schema(fingerprint) for fingerprint in sorted(named))
    return [one for one in found if one is not None]


COLLECTION = Collection(Noun.SCHEMA, "/v1/schemas", visible)
router = routes(COLLECTION)

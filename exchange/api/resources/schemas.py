"""``/v1/schemas``: payload contracts. A system sees those of the services that it sees."""

from exchange.api.resources.objects import Collection, routes
from registry.access import visible_services
from registry.directory import Directory
from registry.nouns import Noun
from registry.objects import DirectoryObject
from signing.identifiers import SystemId


def visible(directory: Directory, system: SystemId) -> list[DirectoryObject]:
    """The schemas that visible services name, and what these refer to, in order of fingerprints."""
    pending: list[str] = [
        fingerprint
        for service in visible_services(directory, system)
        for fingerprint in (service.request_schema, service.response_schema)
    ]
    found: dict[str, DirectoryObject] = {}
    while pending:
        schema = directory.schema(pending.pop())
        if schema is not None and schema.fingerprint not in found:
            found[schema.fingerprint] = schema
            pending.extend(one.fingerprint for one in schema.references)
    return [found[fingerprint] for fingerprint in sorted(found)]


COLLECTION = Collection(Noun.SCHEMA, "/v1/schemas", visible)
router = routes(COLLECTION)

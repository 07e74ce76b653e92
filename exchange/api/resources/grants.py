"""``/v1/grants``: who may use what. A system sees those it was given and those on its services."""

from exchange.api.resources.objects import Collection, routes
from registry.directory import Directory
from registry.grants import Grant
from registry.nouns import Noun
from registry.objects import DirectoryObject
from signing.identifiers import SystemId


def visible(directory: Directory, system: SystemId) -> list[DirectoryObject]:
    """The grants that name the system, whatever their state."""
    return [
        one
        for one in directory.objects(Noun.GRANT)
        if isinstance(one, Grant) and system in (one.consumer, one.system)
    ]


COLLECTION = Collection(Noun.GRANT, "/v1/grants", visible)
router = routes(COLLECTION)

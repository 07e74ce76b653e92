"""``/v1/systems``: the members' information systems. A system sees itself."""

from exchange.api.resources.objects import Collection, routes
from registry.directory import Directory
from registry.nouns import Noun
from registry.objects import DirectoryObject
from signing.identifiers import SystemId


def visible(directory: Directory, system: SystemId) -> list[DirectoryObject]:
    """The system itself."""
    own = directory.system(system)
    return [] if own is None else [own]


COLLECTION = Collection(Noun.SYSTEM, "/v1/systems", visible)
router = routes(COLLECTION)

"""``/v1/members``: the agencies. A system sees its own."""

from exchange.api.resources.objects import Collection, routes
from registry.directory import Directory
from registry.nouns import Noun
from registry.objects import DirectoryObject
from signing.identifiers import SystemId


def visible(directory: Directory, system: SystemId) -> list[DirectoryObject]:
    """The system's own member."""
    member = directory.member_of(system)
    return [] if member is None else [member]


COLLECTION = Collection(Noun.MEMBER, "/v1/members", visible)
router = routes(COLLECTION)

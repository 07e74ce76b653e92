"""``/v1/subjects``: how versions of a schema must follow each other, if not as the bus says.

A system sees the rules of the subjects whose schemas it sees.
"""

from exchange.api.resources import schemas
from exchange.api.resources.objects import Collection, routes
from registry.directory import Directory
from registry.nouns import Noun
from registry.objects import DirectoryObject
from registry.subjects import Subject
from signing.identifiers import SystemId


def visible(directory: Directory, system: SystemId) -> list[DirectoryObject]:
    """The rules of visible schemas' subjects, in order."""
    seen = {schema.subject for schema in schemas.visible(directory, system)}
    return [
        one
        for one in directory.objects(Noun.SUBJECT)
        if isinstance(one, Subject) and one.subject in seen
    ]


COLLECTION = Collection(Noun.SUBJECT, "/v1/subjects", visible)
router = routes(COLLECTION)

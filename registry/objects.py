"""Every noun's class, and reading an object of any of them."""

from collections.abc import Mapping

from registry.certificates import BusKey, Certificate
from registry.errors import ChangeInvalid
from registry.grants import Grant
from registry.members import Member
from registry.nouns import Noun
from registry.policy import Policy
from registry.schema_versions import SchemaVersion
from registry.services import Service
from registry.subjects import Subject
from registry.systems import System

DirectoryObject = (
    Member | System | Certificate | SchemaVersion | Subject | Service | Grant | Policy | BusKey
)

CLASSES: Mapping[Noun, type[DirectoryObject]] = {
    Noun.MEMBER: Member,
    Noun.SYSTEM: System,
    Noun.CERTIFICATE: Certificate,
    Noun.SCHEMA: SchemaVersion,
    Noun.SUBJECT: Subject,
    Noun.SERVICE: Service,
    Noun.GRANT: Grant,
    Noun.POLICY: Policy,
    Noun.BUS_KEY: BusKey,
}


def parse_noun(text: str) -> Noun:
    """The noun of that name. Raises ChangeInvalid."""
    try:
        return Noun(text)
    except ValueError as error:
        offered = ", ".join(noun.value for noun in Noun if noun is not Noun.BUS_KEY)
        raise ChangeInvalid(f"There is no such noun. Use one of: {offered}.") from error


def parse_object(noun: Noun, members: object) -> DirectoryObject:
    """Read a whole object, every member in place. Raises ChangeInvalid."""
    if not isinstance(members, Mapping):
        raise ChangeInvalid(f"A {noun} must be a JSON object.")
    return CLASSES[noun].from_object(members)

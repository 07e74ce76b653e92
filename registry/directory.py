"""The directory: the registry's contents at one version, and its fold from log 0's records.

Owns look-ups and the fold; the rules of a change are in ``changes``, who may do what in
``access``. Invariant: a directory never changes; version d is the state after the d-th record of
kind ``registry``, ``trust`` or ``policy``, each naming the hash of what it replaced. The offline
verifier folds the same records with the same code.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from registry.certificates import BusKey
from registry.contents import Contents
from registry.errors import ChangeInvalid, DirectoryBroken, NotFound
from registry.grants import Grant
from registry.members import Member
from registry.nouns import Noun
from registry.objects import DirectoryObject, parse_noun, parse_object
from registry.policy import POLICY_KEY, Policy
from registry.schema_versions import SchemaVersion
from registry.services import Service
from registry.subjects import Rules
from registry.systems import System
from registry.touched import Touched, touched
from schemas.formats.port import References
from signing.errors import CertificateUnknown
from signing.identifiers import SystemId, member_of
from signing.keys import KnownCertificate
from signing.records import object_hash


class DirectoryRecord(Protocol):
    """What the fold reads of a record or of a planned fact."""

    @property
    def noun(self) -> str:
        """``about.noun``."""
        ...

    @property
    def key(self) -> str:
        """``about.key``."""
        ...

    @property
    def before(self) -> str | None:
        """The hash of the previous object; absent when there was none."""
        ...

    @property
    def after(self) -> Any:
        """The whole object."""
        ...


class Directory:
    """An immutable snapshot; look-ups are dictionary reads and never parse."""

    __slots__ = ("_active_grants", "_contents", "_known", "_services", "_systems", "version")

    def __init__(self, version: int, contents: Contents) -> None:
        """Takes ``contents`` for its own: the caller must not touch it again."""
        self.version = version
        self._contents = contents
        self._known = contents.known
        self._systems = contents.systems
        self._services = contents.services
        self._active_grants = contents.active_grants

    @classmethod
    def empty(cls) -> "Directory":
        """Version 0: nothing registered."""
        return cls(0, Contents())

    @classmethod
    def restore(
        cls, version: int, rows: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> "Directory":
        """The directory from its current objects, (noun, key, object) in any order.

        Cheaper than the fold of every record; it trusts that these are what the records say.

        Raises:
            DirectoryBroken: an object that is not one, or stands under another key.
        """
        contents = Contents()
        objects = [_read(noun, key, members) for noun, key, members in rows]
        for one in _schemas_in_order(objects):
            contents.put(one)
        return cls(version, contents)

    def advanced(
        self, version: int, rows: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> "Directory":
        """The directory at a later version, from the objects that changed since this one.

        As `restore`, it trusts that these are what the records say.

        Raises:
            DirectoryBroken: an object that is not one, or stands under another key.
        """
        contents = self._contents.copy()
        objects = [_read(noun, key, members) for noun, key, members in rows]
        for one in _schemas_in_order(objects):
            contents.put(one)
        return Directory(version, contents)

    def fold(self, records: Iterable[DirectoryRecord]) -> "Directory":
        """The directory after these records, in order; this one stays as it is.

        Raises:
            DirectoryBroken: a record whose ``before`` is not the hash of what is there, whose
                object is malformed or missing, or stands under another key.
        """
        contents, version = self._contents.copy(), self.version
        for record in records:
            version += 1
            one = _read(record.noun, record.key, record.after)
            previous = contents.of(one.NOUN).get(one.key)
            if record.before != (None if previous is None else object_hash(previous.to_object())):
                raise DirectoryBroken(
                    f"Record {version} changes another {one.NOUN} '{one.key}' than is there."
                )
            contents.put(one)
        return Directory(version, contents)

    def contents(self) -> Contents:
        """A copy to make the next version from."""
        return self._contents.copy()

    # --- the hot path -------------------------------------------------------------------------

    def resolve(self, x5t: str) -> KnownCertificate:
        """Whose key this is, whatever its state. Raises CertificateUnknown."""
        found = self._known.get(x5t)
        if found is None:
            raise CertificateUnknown("This certificate is not registered here.")
        return found

    def system(self, system_id: str) -> System | None:
        """The system of exactly that identifier."""
        return self._systems.get(system_id)

    def member_of(self, system_id: str) -> Member | None:
        """The member whose system that is, or would be."""
        return self._contents.members.get(member_of(SystemId(system_id)))

    def service(self, system_id: str, code: str) -> Service | None:
        """The service of that system and code, whatever its state."""
        return self._services.get(f"{system_id}/{code}")

    def grants_for(self, consumer: str, system_id: str, code: str) -> tuple[Grant, ...]:
        """The active grants, in order of their ids; validity is for the caller to judge."""
        return self._active_grants.get((consumer, system_id, code), ())

    def grant_for(self, consumer: str, system_id: str, code: str) -> Grant | None:
        """The first active grant, if there is one."""
        found = self._active_grants.get((consumer, system_id, code))
        return found[0] if found else None

    def schema(self, fingerprint: str) -> SchemaVersion | None:
        """The registered schema of that fingerprint."""
        return self._contents.schemas.get(fingerprint)

    def references(self, schema: SchemaVersion) -> References:
        """The schemas that one refers to, by the names it uses."""
        return self._contents.references(schema)

    def rules(self, subject: str) -> Rules:
        """How versions of a subject must follow each other."""
        return self._contents.rules(subject)

    # --- the rest -----------------------------------------------------------------------------

    @property
    def policy(self) -> Policy | None:
        """The bus's policy; absent before the first one is set."""
        return self._contents.policies.get(POLICY_KEY)

    def bus_key(self, x5t: str) -> BusKey | None:
        """The bus's record key of that thumbprint."""
        return self._contents.bus_keys.get(x5t)

    def schema_latest(self, subject: str) -> SchemaVersion | None:
        """The newest version of a subject that is in force: active or deprecated."""
        versions = self._contents.in_force(subject)
        return versions[-1] if versions else None

    def schema_versions(self, subject: str) -> list[SchemaVersion]:
        """Every version of a subject, oldest first, whatever its state."""
        return self._contents.versions(subject)

    def schema_by_id(self, id_: int) -> SchemaVersion | None:
        """The schema of that id, whatever its state."""
        found = self._contents.schema_ids.get(id_)
        return None if found is None else self._contents.schemas[found]

    def subjects(self) -> list[str]:
        """Every subject that has a version, in order."""
        return sorted(self._contents.subjects)

    def touched(self, subject: str, fingerprint: str | None = None) -> Touched:
        """Whom a change of a subject's versions, or of one version, would touch."""
        return touched(self._contents, subject, fingerprint)

    def get(self, noun: Noun, key: str) -> DirectoryObject | None:
        """One object of any noun."""
        return self._contents.of(noun).get(key)

    def fetch(self, noun: Noun, key: str) -> DirectoryObject:
        """One object of any noun. Raises NotFound."""
        found = self.get(noun, key)
        if found is None:
            raise NotFound(f"No {noun} is registered under this key.")
        return found

    def objects(self, noun: Noun) -> list[DirectoryObject]:
        """All objects of one noun, in order of their keys."""
        found = self._contents.of(noun)
        return [found[key] for key in sorted(found)]

    def count(self, noun: Noun) -> int:
        """How many objects of one noun there are."""
        return len(self._contents.of(noun))


def _schemas_in_order(objects: Iterable[DirectoryObject]) -> list[DirectoryObject]:
    """Versions of a subject one after the other; anything else as it comes."""
    return sorted(objects, key=lambda one: one.version if isinstance(one, SchemaVersion) else 0)


def _read(noun_text: str, key: str, members: object) -> DirectoryObject:
    try:
        noun = parse_noun(noun_text)
        one = parse_object(noun, members)
    except ChangeInvalid as error:
        raise DirectoryBroken(f"A record of '{key[:300]}' can't be read: {error.detail}") from error
    if one.key != key:
        raise DirectoryBroken(f"A record of {noun} '{key[:300]}' holds another one.")
    return one

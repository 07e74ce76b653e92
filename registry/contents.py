"""What a directory holds, with the indexes that make every look-up one or two dictionary reads.

Owns no rule. Mutable while a new version is being made, by ``put`` alone; a ``Directory`` keeps
its own and never changes it. ``copy`` costs one pass over the dictionaries: once a set of changes.
"""

from dataclasses import dataclass, field
from typing import Any

from registry.certificates import BusKey, Certificate
from registry.grants import Grant
from registry.members import Member
from registry.nouns import Noun, State
from registry.objects import DirectoryObject
from registry.policy import POLICY_KEY, Policy
from registry.schema_versions import SchemaVersion
from registry.services import Service
from registry.subjects import DEFAULT_RULES, Rules, Subject
from registry.systems import System
from schemas.formats.port import NO_REFERENCES, References, Source
from signing.identifiers import fold
from signing.keys import KnownCertificate

GrantPlace = tuple[str, str, str]  # consumer, system, service


@dataclass(slots=True)
class Contents:
    """Objects by key, one dictionary a noun, and the indexes over them."""

    members: dict[str, Member] = field(default_factory=dict)
    systems: dict[str, System] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    schemas: dict[str, SchemaVersion] = field(default_factory=dict)
    subject_rules: dict[str, Subject] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    bus_keys: dict[str, BusKey] = field(default_factory=dict)

    folded: dict[str, str] = field(default_factory=dict)
    """Case-folded member and system identifiers → as registered."""
    known: dict[str, KnownCertificate] = field(default_factory=dict)
    """Thumbprint → whose it is, ready to verify."""
    subjects: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Subject → fingerprints, version 1 first, whatever their state."""
    schema_ids: dict[int, str] = field(default_factory=dict)
    """Id → fingerprint."""
    active_grants: dict[GrantPlace, tuple[Grant, ...]] = field(default_factory=dict)
    """Active grants between two systems for one service, in order of their ids."""
    schema_id_last: int = 0

    def copy(self) -> "Contents":
        """The same, to be changed apart from this one."""
        copies: dict[str, Any] = {name: dict(getattr(self, name)) for name in _DICTIONARIES}
        return Contents(**copies, schema_id_last=self.schema_id_last)

    def of(self, noun: Noun) -> dict[str, DirectoryObject]:
        """All objects of one noun, by key."""
        return getattr(self, _ATTRIBUTES[noun])  # type: ignore[no-any-return]

    def put(self, obj: DirectoryObject) -> None:
        """Set one object; whoever calls has checked the rules."""
        self.of(obj.NOUN)[obj.key] = obj
        if isinstance(obj, Member | System):
            self.folded[fold(obj.id)] = obj.id
        elif isinstance(obj, Certificate):
            self.known[obj.key] = obj.known
        elif isinstance(obj, SchemaVersion):
            self._put_schema(obj)
        elif isinstance(obj, Grant):
            self._put_grant(obj)

    def versions(self, subject: str) -> list[SchemaVersion]:
        """Every version of a subject, oldest first, whatever its state."""
        return [self.schemas[one] for one in self.subjects.get(subject, ())]

    def in_force(self, subject: str) -> list[SchemaVersion]:
        """The versions that may be in use, oldest first: active and deprecated ones."""
        return [one for one in self.versions(subject) if one.is_in_force]

    def rules(self, subject: str) -> Rules:
        """How versions of a subject must follow each other: its own rules, then the bus's."""
        own, bus = self.subject_rules.get(subject), self.policies.get(POLICY_KEY)
        if own is None and (bus is None or (bus.schema_level, bus.schema_policy) == (None, None)):
            return DEFAULT_RULES
        levels = [None if own is None else own.level, None if bus is None else bus.schema_level]
        policies = [None if own is None else own.policy, None if bus is None else bus.schema_policy]
        level = next((one for one in levels if one is not None), DEFAULT_RULES.level)
        policy = next((one for one in policies if one is not None), DEFAULT_RULES.policy)
        return Rules(level, policy)

    def references(self, schema: SchemaVersion) -> References:
        """The schemas that one refers to, by the names it uses; what they refer to included."""
        if not schema.references:
            return NO_REFERENCES
        return {one.name: self.source(one.fingerprint) for one in schema.references}

    def source(self, fingerprint: str) -> Source:
        """A registered schema, to be referred to. Raises KeyError."""
        schema = self.schemas[fingerprint]
        return Source(fingerprint, schema.format, schema.text, self.references(schema))

    def _put_schema(self, schema: SchemaVersion) -> None:
        versions = self.subjects.get(schema.subject, ())
        if schema.fingerprint not in versions:
            self.subjects[schema.subject] = (*versions, schema.fingerprint)
        self.schema_ids[schema.id] = schema.fingerprint
        self.schema_id_last = max(self.schema_id_last, schema.id)

    def _put_grant(self, grant: Grant) -> None:
        place = (grant.consumer, grant.system, grant.service)
        others = [one for one in self.active_grants.get(place, ()) if one.id != grant.id]
        if grant.state is State.ACTIVE:
            others.append(grant)
        if others:
            self.active_grants[place] = tuple(sorted(others, key=lambda one: one.id))
        else:
            self.active_grants.pop(place, None)


_ATTRIBUTES: dict[Noun, str] = {
    Noun.MEMBER: "members",
    Noun.SYSTEM: "systems",
    Noun.CERTIFICATE: "certificates",
    Noun.SCHEMA: "schemas",
    Noun.SUBJECT: "subject_rules",
    Noun.SERVICE: "services",
    Noun.GRANT: "grants",
    Noun.POLICY: "policies",
    Noun.BUS_KEY: "bus_keys",
}
_DICTIONARIES = (
    *_ATTRIBUTES.values(),
    "folded",
    "known",
    "subjects",
    "schema_ids",
    "active_grants",
)

"""The nouns of the directory, and the kind of leaf that carries a change of each."""

from enum import StrEnum


class Noun(StrEnum):
    """What a change is about, as it stands in a record's ``about``."""

    MEMBER = "member"
    SYSTEM = "system"
    CERTIFICATE = "certificate"
    SCHEMA = "schema"
    SERVICE = "service"
    GRANT = "grant"
    POLICY = "policy"
    BUS_KEY = "bus-key"


LEAF_KINDS: dict[Noun, str] = {
    Noun.MEMBER: "registry",
    Noun.SYSTEM: "registry",
    Noun.CERTIFICATE: "trust",
    Noun.SCHEMA: "registry",
    Noun.SERVICE: "registry",
    Noun.GRANT: "registry",
    Noun.POLICY: "policy",
    Noun.BUS_KEY: "trust",
}
"""log.md, *Leaf*: ``k`` of the leaf in log 0."""


class State(StrEnum):
    """Where an object stands. Nothing is ever deleted; ``withdrawn`` and ``revoked`` are final."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


FINAL = frozenset({State.WITHDRAWN, State.REVOKED})

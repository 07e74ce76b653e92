"""The nouns of the directory, and the kind of leaf that carries a change of each."""

from enum import StrEnum


class Noun(StrEnum):
    """What a change is about, as it stands in a record's ``about``."""

    MEMBER = "member"
    SYSTEM = "system"
    CERTIFICATE = "certificate"
    SCHEMA = "schema"
    SUBJECT = "subject"
    SERVICE = "service"
    GRANT = "grant"
    POLICY = "policy"
    BUS_KEY = "bus-key"


LEAF_KINDS: dict[Noun, str] = {
    Noun.MEMBER: "registry",
    Noun.SYSTEM: "registry",
    Noun.CERTIFICATE: "trust",
    Noun.SCHEMA: "registry",
    Noun.SUBJECT: "registry",
    Noun.SERVICE: "registry",
    Noun.GRANT: "registry",
    Noun.POLICY: "policy",
    Noun.BUS_KEY: "trust",
}
"""log.md, *Leaf*: ``k`` of the leaf in log 0."""


class State(StrEnum):
    """Where an object stands. Nothing is ever deleted; ``FINAL`` is for ever.

    ``draft``, ``deprecated`` and ``retired`` are of schemas only; a ``withdrawn`` schema is a draft
    that was deleted, and may be registered again.
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    DRAFT = "draft"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


FINAL = frozenset({State.WITHDRAWN, State.REVOKED, State.RETIRED})

"""People with tokens, and grants that were asked for: what the database keeps beside the directory.

Neither is part of the directory: its records are for ever and hold nothing about people. Times are
ms since 1970. A token is known by its SHA-256 alone.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """Somebody with a role; ``member`` only with an integrator's. The id is no name."""

    id: str
    name: str
    role: str
    member: str | None
    token_hash: bytes
    added_by: str
    added_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StoredAsk:
    """A grant that a consumer's member asked for; ``ended``: ``given``, ``refused``, ``withdrawn``.

    Its id is the grant's to be. ``given`` says that a provider began to give it; that the grant
    stands is told by the directory, not here.
    """

    id: str
    consumer: str
    system: str
    service: str
    members: str
    """The grant's other members as asked for, as JSON."""
    asked_by: str
    asked_at_ms: int
    ended: str | None = None
    ended_by: str | None = None
    ended_at_ms: int | None = None
    reason: str | None = None


class People(Protocol):
    """Reads of the last committed state, and writes that are durable when they return.

    Each raises StorageUnavailable; a write StorageInDoubt when nobody knows.
    """

    async def person_of(self, token_hash: bytes) -> StoredPerson | None:
        """Whose token hashes to this, whatever their state."""

    async def person(self, id_: str) -> StoredPerson | None:
        """A person by id."""

    async def persons(self, after: str, count_max: int) -> list[StoredPerson]:
        """People in order of their ids, those after one."""

    async def add_person(self, person: StoredPerson) -> bool:
        """Keep a new person; False when the id or the token is there already."""

    async def revoke_person(self, id_: str, at_ms: int) -> StoredPerson | None:
        """End a person's token, for ever; None when there is nobody. The first time stays."""

    async def ask(self, id_: str) -> StoredAsk | None:
        """One that was asked for."""

    async def asks(self, member: str | None, after: str, count_max: int) -> list[StoredAsk]:
        """What was asked for, in order of ids, those after one; by or of one member's systems."""

    async def add_ask(self, ask: StoredAsk, member: str, open_max: int) -> bool:
        """Keep what a member asks for, counted and kept as one.

        False when nobody has ended ``open_max`` asks of its systems already, or the id is taken.
        """

    async def swap_ask(self, before: StoredAsk, after: StoredAsk) -> StoredAsk | None:
        """Put the end of ``after`` where an ask's end still is that of ``before``.

        As it is now, whoever made it so; None when there is no such ask.
        """

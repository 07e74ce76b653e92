"""People and asks on PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Final

from exchange.storage.people import StoredAsk, StoredPerson
from exchange.storage.postgres.connection import Connection, Connections

PERSON: Final = "id, name, role, member, token_hash, added_by, added_at, expires_at, revoked_at"
ASK: Final = (
    "id, consumer, system, service, members, asked_by, asked_at, ended, ended_by, ended_at, reason"
)
_OPEN: Final = "SELECT count(*) FROM grant_ask WHERE ended IS NULL AND starts_with(consumer, $1)"


class PostgresPeople:
    """The port `People`, on the store's own connections. What every gateway sees at once."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        rows: list[Any] = await self._connections.run(lambda c: c.fetch(statement, *values))
        return rows

    async def _person(self, where: str, value: object) -> StoredPerson | None:
        rows = await self._fetch(f"SELECT {PERSON} FROM person WHERE {where} = $1", value)
        return StoredPerson(*rows[0]) if rows else None

    async def person_of(self, token_hash: bytes) -> StoredPerson | None:
        """Whose token hashes to this, whatever their state."""
        return await self._person("token_hash", token_hash)

    async def person(self, id_: str) -> StoredPerson | None:
        """A person by id."""
        return await self._person("id", id_)

    async def persons(self, after: str, count_max: int) -> list[StoredPerson]:
        """People in order of their ids, those after one."""
        statement = (
            f'SELECT {PERSON} FROM person WHERE id COLLATE "C" > $1'
            ' ORDER BY id COLLATE "C" LIMIT $2'
        )
        return [StoredPerson(*row) for row in await self._fetch(statement, after, count_max)]

    async def add_person(self, person: StoredPerson) -> bool:
        """Keep a new person; False when the id or the token is there already."""
        values = (
            *(person.id, person.name, person.role, person.member, person.token_hash),
            *(person.added_by, person.added_at_ms, person.expires_at_ms, person.revoked_at_ms),
        )
        if await self._insert("person", PERSON, values):
            return True
        return await self.person(person.id) == person  # it was added, and the reply was lost

    async def revoke_person(self, id_: str, at_ms: int) -> StoredPerson | None:
        """End a person's token, for ever; None when there is nobody. The first time stays."""
        statement = (
            "UPDATE person SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2"
            f" RETURNING {PERSON}"
        )
        row = await self._connections.write(lambda c: c.fetchrow(statement, at_ms, id_))
        return None if row is None else StoredPerson(*row)

    async def ask(self, id_: str) -> StoredAsk | None:
        """One that was asked for."""
        rows = await self._fetch(f"SELECT {ASK} FROM grant_ask WHERE id = $1", id_)
        return StoredAsk(*rows[0]) if rows else None

    async def asks(self, member: str | None, after: str, count_max: int) -> list[StoredAsk]:
        """What was asked for, in order of ids, those after one; by or of one member's systems."""
        statement = (
            f'SELECT {ASK} FROM grant_ask WHERE id COLLATE "C" > $1 AND ($2::text IS NULL'
            " OR starts_with(consumer, $2) OR starts_with(system, $2))"
            ' ORDER BY id COLLATE "C" LIMIT $3'
        )
        prefix = None if member is None else f"{member}/"
        rows = await self._fetch(statement, after, prefix, count_max)
        return [StoredAsk(*row) for row in rows]

    async def add_ask(self, ask: StoredAsk, member: str, open_max: int) -> bool:
        """Keep what a member asks for, unless too many are open, or the id is taken."""
        values = (
            *(ask.id, ask.consumer, ask.system, ask.service, ask.members, ask.asked_by),
            *(ask.asked_at_ms, ask.ended, ask.ended_by, ask.ended_at_ms, ask.reason),
        )
        marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        statement = f"INSERT INTO grant_ask ({ASK}) VALUES ({marks}) ON CONFLICT DO NOTHING"

        async def write(connection: Connection) -> None:
            async with connection.transaction():
                # Who counts and then keeps does so alone; people ask a few times a day.
                await connection.execute("LOCK TABLE grant_ask IN SHARE ROW EXCLUSIVE MODE")
                if await connection.fetchval(_OPEN, f"{member}/") < open_max:
                    await connection.execute(statement, *values)

        await self._connections.write(write)
        return await self.ask(ask.id) == ask

    async def swap_ask(self, before: StoredAsk, after: StoredAsk) -> StoredAsk | None:
        """Put the end of ``after`` where an ask's end still is that of ``before``."""
        statement = (
            "UPDATE grant_ask SET ended = $1, ended_by = $2, ended_at = $3, reason = $4"
            " WHERE id = $5 AND ended IS NOT DISTINCT FROM $6::text"
            " AND ended_at IS NOT DISTINCT FROM $7::bigint"
        )
        values = (after.ended, after.ended_by, after.ended_at_ms, after.reason)
        was = (before.id, before.ended, before.ended_at_ms)
        await self._connections.write(lambda c: c.execute(statement, *values, *was))
        return await self.ask(before.id)

    async def _insert(self, table: str, columns: str, values: Sequence[object]) -> bool:
        marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        statement = (
            f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING id"
        )

        async def write(connection: Connection) -> bool:
            return await connection.fetchval(statement, *values) is not None

        return await self._connections.write(write)

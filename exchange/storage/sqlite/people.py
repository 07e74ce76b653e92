"""People and asks on SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from exchange.storage.people import StoredAsk, StoredPerson
from exchange.storage.sqlite.connection import WriterThread
from exchange.storage.sqlite.reads import Readers

PERSON: Final = "id, name, role, member, token_hash, added_by, added_at, expires_at, revoked_at"
ASK: Final = (
    "id, consumer, system, service, members, asked_by, asked_at, ended, ended_by, ended_at, reason"
)


class SqlitePeople:
    """The port `People`, on the store's own connections."""

    def __init__(self, readers: Readers, writer: WriterThread) -> None:
        self._readers = readers
        self._writer = writer

    async def _person(self, where: str, value: object) -> StoredPerson | None:
        statement = f"SELECT {PERSON} FROM person WHERE {where} = ?"
        row = await self._readers.run(lambda c: c.execute(statement, (value,)).fetchone())
        return None if row is None else StoredPerson(*row)

    async def person_of(self, token_hash: bytes) -> StoredPerson | None:
        """Whose token hashes to this, whatever their state."""
        return await self._person("token_hash", token_hash)

    async def person(self, id_: str) -> StoredPerson | None:
        """A person by id."""
        return await self._person("id", id_)

    async def persons(self, after: str, count_max: int) -> list[StoredPerson]:
        """People in order of their ids, those after one."""
        statement = f"SELECT {PERSON} FROM person WHERE id > ? ORDER BY id LIMIT ?"
        rows = await self._readers.run(
            lambda c: c.execute(statement, (after, count_max)).fetchall()
        )
        return [StoredPerson(*row) for row in rows]

    async def add_person(self, person: StoredPerson) -> bool:
        """Keep a new person; False when the id or the token is there already."""
        values = (
            *(person.id, person.name, person.role, person.member, person.token_hash),
            *(person.added_by, person.added_at_ms, person.expires_at_ms, person.revoked_at_ms),
        )
        return await self._writer.run(lambda c: _insert(c, "person", PERSON, values))

    async def revoke_person(self, id_: str, at_ms: int) -> StoredPerson | None:
        """End a person's token, for ever; None when there is nobody. The first time stays."""
        statement = (
            "UPDATE person SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
            f" RETURNING {PERSON}"
        )
        row = await self._writer.run(lambda c: c.execute(statement, (at_ms, id_)).fetchone())
        return None if row is None else StoredPerson(*row)

    async def ask(self, id_: str) -> StoredAsk | None:
        """One that was asked for."""
        statement = f"SELECT {ASK} FROM grant_ask WHERE id = ?"
        row = await self._readers.run(lambda c: c.execute(statement, (id_,)).fetchone())
        return None if row is None else StoredAsk(*row)

    async def asks(self, member: str | None, after: str, count_max: int) -> list[StoredAsk]:
        """What was asked for, in order of ids, those after one; by or of one member's systems."""
        statement = (
            f"SELECT {ASK} FROM grant_ask WHERE id > ?1 AND (?2 IS NULL"
            " OR substr(consumer, 1, length(?2)) = ?2 OR substr(system, 1, length(?2)) = ?2)"
            " ORDER BY id LIMIT ?3"
        )
        values = (after, None if member is None else f"{member}/", count_max)
        rows = await self._readers.run(lambda c: c.execute(statement, values).fetchall())
        return [StoredAsk(*row) for row in rows]

    async def add_ask(self, ask: StoredAsk, member: str, open_max: int) -> bool:
        """Keep what a member asks for, unless too many are open, or the id is taken."""
        values = (
            *(ask.id, ask.consumer, ask.system, ask.service, ask.members, ask.asked_by),
            *(ask.asked_at_ms, ask.ended, ask.ended_by, ask.ended_at_ms, ask.reason),
        )
        marks = ", ".join("?" * len(values))
        statement = (
            f"INSERT INTO grant_ask ({ASK}) SELECT {marks} WHERE (SELECT count(*) FROM grant_ask"
            " WHERE ended IS NULL AND substr(consumer, 1, length(?)) = ?) < ?"
            " ON CONFLICT DO NOTHING"
        )
        counted = (f"{member}/", f"{member}/", open_max)
        return await self._writer.run(
            lambda c: c.execute(statement, (*values, *counted)).rowcount == 1
        )

    async def swap_ask(self, before: StoredAsk, after: StoredAsk) -> StoredAsk | None:
        """Put the end of ``after`` where an ask's end still is that of ``before``."""
        values = (after.ended, after.ended_by, after.ended_at_ms, after.reason)
        was = (before.id, before.ended, before.ended_at_ms)

        def write(connection: sqlite3.Connection) -> StoredAsk | None:
            connection.execute(
                "UPDATE grant_ask SET ended = ?, ended_by = ?, ended_at = ?, reason = ?"
                " WHERE id = ? AND ended IS ? AND ended_at IS ?",
                (*values, *was),
            )
            statement = f"SELECT {ASK} FROM grant_ask WHERE id = ?"
            row = connection.execute(statement, (before.id,)).fetchone()
            return None if row is None else StoredAsk(*row)

        return await self._writer.run(write)


def _insert(
    connection: sqlite3.Connection, table: str, columns: str, values: Sequence[object]
) -> bool:
    marks = ", ".join("?" * len(values))
    statement = f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    return connection.execute(statement, tuple(values)).rowcount == 1

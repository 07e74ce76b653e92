"""Small integers for system identifiers, cached both ways; they never change.

Invariant: cached is what is committed. New numbers are given in a transaction of their own,
before the group that needs them.
"""

from collections.abc import Iterable

from exchange.storage.postgres.connection import Connection
from signing.identifiers import SystemId


class UnknownSystems(Exception):
    """Systems that have no number yet; give them one, then try again."""

    def __init__(self, systems: set[str]) -> None:
        super().__init__(sorted(systems))
        self.systems = systems


class SystemNumbers:
    """One process's copy of the table ``system_number``."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._systems: dict[int, SystemId] = {}

    def check(self, systems: Iterable[str]) -> None:
        """Raises UnknownSystems when any is not cached."""
        unknown = {system for system in systems if system not in self._numbers}
        if unknown:
            raise UnknownSystems(unknown)

    def __getitem__(self, system: SystemId) -> int:
        """The number of a system that was checked or given."""
        return self._numbers[system]

    async def give(self, connection: Connection, systems: Iterable[str]) -> None:
        """Give numbers to those that have none, durably; outside of any transaction."""
        unknown = sorted(set(systems) - self._numbers.keys())
        if not unknown:
            return
        await connection.execute(
            "INSERT INTO system_number(system) SELECT name FROM unnest($1::text[]) AS name"
            " WHERE NOT EXISTS (SELECT FROM system_number o WHERE o.system = name)"
            " ORDER BY name ON CONFLICT DO NOTHING",
            unknown,
        )
        await self.learn(connection)

    async def learn(self, connection: Connection) -> None:
        """Cache what is committed."""
        for number, system in await connection.fetch("SELECT n, system FROM system_number"):
            self._keep(number, system)

    async def find(self, connection: Connection, system: SystemId) -> int | None:
        """The number of a system, or None; writes nothing."""
        if system not in self._numbers:
            number = await connection.fetchval(
                "SELECT n FROM system_number WHERE system = $1", system
            )
            if number is None:
                return None
            self._keep(number, system)
        return self._numbers[system]

    async def name(self, connection: Connection, number: int) -> SystemId:
        """The system of a number."""
        if number not in self._systems:
            await self.learn(connection)
        return self._systems[number]

    def _keep(self, number: int, system: str) -> None:
        self._numbers[system] = number
        self._systems[number] = SystemId(system)

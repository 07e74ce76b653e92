"""What the adapter needs of a database, whichever it is."""

from typing import Any, NamedTuple, Protocol

from sqlalchemy import TextClause


class Rows(NamedTuple):
    """Column names, and the rows in the query's order."""

    names: tuple[str, ...]
    rows: list[Any]


class Database(Protocol):
    """Runs one read-only query at a time on each of a few connections."""

    async def fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, timeout_s: float
    ) -> Rows:
        """Run one query; at most ``rows_max + 1`` rows come back. ``timeout_s`` counts from now.

        Raises:
            ProviderUnreachable: not there, locked, or lost amid the query.
            ProviderTimeout: no connection free, or no rows, in time.
            ProviderMisbehaved: it refused the query.
            ParamUnfit: it can't take one of the values.
        """
        ...

    async def close(self) -> None:
        """Close every connection and thread."""
        ...

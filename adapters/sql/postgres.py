"""A PostgreSQL server, by asyncpg, in read-only transactions.

Owns the pool and the reading of the server's errors. Invariant: every statement runs in a READ
ONLY transaction on a session that is read-only by default, under a ``statement_timeout``. What
the database's user may read is for the agency to grant.
"""

import asyncio
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from sqlalchemy import TextClause
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.errors import AttemptFailed, ProviderMisbehaved, ProviderTimeout, ProviderUnreachable
from adapters.sql.database import Rows
from adapters.sql.statement import ParamUnfit

_asyncpg: Final[Any] = import_module("asyncpg")  # without types, and there only on demand
_Lost: Final[type[Exception]] = _asyncpg.InterfaceError
_Refused: Final[type[Exception]] = _asyncpg.PostgresError

_CONNECT_TIMEOUT_S: Final = 5.0
_STATE_CANCELLED: Final = "57014"
# Classes of SQLSTATE: data the server can't take; connection, authorization, no such database,
# too few resources, operator intervention.
_UNFIT_CLASS: Final = "22"
_AWAY_CLASSES: Final = ("08", "28", "3D", "53", "57")


class PostgresDatabase:
    """See ``Database``."""

    def __init__(self, url: URL, connections_max: int, timeout_s: float) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=connections_max,
            max_overflow=0,
            pool_timeout=timeout_s,
            connect_args={
                "timeout": _CONNECT_TIMEOUT_S,
                "server_settings": {
                    "application_name": "sealway",
                    "default_transaction_read_only": "on",
                    "statement_timeout": str(int(timeout_s * 1000)),
                },
            },
            execution_options={"postgresql_readonly": True},
        )

    async def fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, timeout_s: float
    ) -> Rows:
        """See ``Database``; rows come through a cursor on the server."""
        try:
            async with asyncio.timeout(timeout_s), self._engine.connect() as connection:
                result = await connection.stream(clause, params)
                rows = await result.fetchmany(rows_max + 1)
                names = tuple(result.keys())
                await result.close()
                return Rows(names, [tuple(row) for row in rows])
        except PoolTimeout as error:
            raise ProviderTimeout(
                "The database had no connection free in time.", maybe_sent=False
            ) from error
        except TimeoutError as error:
            raise ProviderTimeout("The database did not answer in time.") from error
        except OSError as error:
            raise ProviderUnreachable("The database is not there.", maybe_sent=False) from error
        except (SQLAlchemyError, _Refused, _Lost) as error:
            raise _attempt_error(error) from error

    async def close(self) -> None:
        """See ``Database``."""
        await self._engine.dispose()


def _attempt_error(error: Exception) -> AttemptFailed | ParamUnfit:
    """What the error means; its text may hold data and goes nowhere.

    SQLAlchemy wraps what a statement raises and leaves bare what a cursor raises.
    """
    for cause in _causes(error):
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return _by_state(state)
        if isinstance(cause, _Lost):
            if "invalid input for query argument" in str(cause):
                return ParamUnfit("the database can't take a value of the request")
            return ProviderUnreachable("The connection to the database was lost.")
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return ProviderUnreachable("The connection to the database was lost.")
    return ProviderMisbehaved("The database refused the query.")


def _by_state(state: str) -> AttemptFailed | ParamUnfit:
    if state == _STATE_CANCELLED:
        return ProviderTimeout("The database did not answer in time.", sqlstate=state)
    if state.startswith(_UNFIT_CLASS):
        return ParamUnfit("the database can't take a value of the request")
    if state.startswith(_AWAY_CLASSES):
        return ProviderUnreachable("The database lets nobody in.", sqlstate=state)
    return ProviderMisbehaved("The database refused the query.", sqlstate=state)


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        original = getattr(found, "orig", None)
        found = original if isinstance(original, BaseException) else found.__cause__

"""An SQLite file that can only be read.

Owns the connections, a few threads, and the statement's time limit. Invariant: the file is opened
with ``mode=ro`` and ``query_only``, and an authorizer lets nothing but reading pass; a file that
isn't there is not made.
"""

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, TextClause, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from adapters.errors import AttemptFailed, ProviderMisbehaved, ProviderTimeout, ProviderUnreachable
from adapters.sql.database import Rows
from adapters.sql.statement import ParamUnfit

_LOCK_WAIT_S: Final = 1.0  # an agency's own writes take less; a longer lock is worth a retry
# SQLite asks whether to go on after so many of its instructions: about every 0.1 ms.
_INSTRUCTIONS_BETWEEN_CHECKS: Final = 5_000
_GUARDED: Final = "sealway.guarded"
_READING: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)


def _only_reading(action: int, *_about: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


class SqliteDatabase:
    """See ``Database``."""

    def __init__(self, file: Path, connections_max: int) -> None:
        self._file = file
        self._engine: Engine = create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=connections_max,
            max_overflow=0,
            pool_reset_on_return=None,  # autocommit: there is nothing to roll back
        )
        self._threads = ThreadPoolExecutor(connections_max, thread_name_prefix="adapter-sql")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self._file))}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_LOCK_WAIT_S,
        )
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    async def fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, timeout_s: float
    ) -> Rows:
        """See ``Database``."""
        until_s = time.monotonic() + timeout_s
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._fetch, clause, params, rows_max, until_s
        )

    def _fetch(
        self, clause: TextClause, params: dict[str, Any], rows_max: int, until_s: float
    ) -> Rows:
        if time.monotonic() > until_s:
            raise ProviderTimeout("The database had no connection free in time.", maybe_sent=False)
        try:
            with self._engine.connect() as connection:
                driver = _guarded(connection)
                driver.set_progress_handler(
                    lambda: time.monotonic() > until_s, _INSTRUCTIONS_BETWEEN_CHECKS
                )
                return _read(connection, clause, params, rows_max)
        except OverflowError as error:
            raise ParamUnfit("a number is beyond what the database takes") from error
        except SQLAlchemyError as error:
            raise _attempt_error(error) from error

    async def close(self) -> None:
        """See ``Database``; a query under way ends at its time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


def _guarded(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    if _GUARDED not in connection.info:  # not before: SQLAlchemy's own start reads a PRAGMA
        driver.set_authorizer(_only_reading)
        connection.info[_GUARDED] = True
    return driver


def _read(
    connection: Connection, clause: TextClause, params: dict[str, Any], rows_max: int
) -> Rows:
    result = connection.execute(clause, params)
    try:
        return Rows(tuple(result.keys()), [tuple(row) for row in result.fetchmany(rows_max + 1)])
    finally:
        result.close()


def _attempt_error(error: SQLAlchemyError) -> AttemptFailed:
    """What SQLite's error means; its text may hold data and goes nowhere."""
    cause = str(error.orig) if isinstance(error, DBAPIError) else ""
    if cause == "interrupted":
        return ProviderTimeout("The database did not answer in time.")
    if cause.startswith(("unable to open", "database is locked", "disk I/O")):
        return ProviderUnreachable("The database is not there, or is locked.")
    return ProviderMisbehaved("The database refused the query.")

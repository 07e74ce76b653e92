"""The ``sql`` adapter: one request of the bus, one query.

Owns the order of things in a call. Refuses to write, and to guess: two rows where one is meant
are an error, and more rows than allowed are refused rather than cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

import orjson
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from adapters.base import JSON_TYPE, AdapterRequest, Answer, Reject, refusal_of
from adapters.egress import Egress
from adapters.errors import AdapterSettingsInvalid, ProviderMisbehaved, ProviderUnreachable
from adapters.mapping import MISSING, Pick, compile_mapping
from adapters.settings import read_secret, read_table
from adapters.sql.database import Database
from adapters.sql.rows import RowMapper, put_member
from adapters.sql.settings import SqlServiceSettings, SqlSettings
from adapters.sql.sqlite import SqliteDatabase
from adapters.sql.statement import ParamUnfit, Statement
from signing.errors import JsonInvalid

_SQLITE: Final = "sqlite"
_POSTGRES: Final = "postgresql+asyncpg"


@dataclass(frozen=True, slots=True)
class _Service:
    """One service's settings, compiled; ``list_path`` is None when one row is the answer."""

    statement: Statement
    mapper: RowMapper
    list_path: tuple[str, ...] | None
    echo: tuple[tuple[str, Pick], ...]
    rows_max: int
    timeout_s: float


class SqlAdapter:
    """Answers from a database. See ``Adapter`` for what its methods promise."""

    def __init__(self, name: str, settings: SqlSettings, folder: Path) -> None:
        self._name = name
        self._is_for_tests = settings.test
        self._settings = settings
        self._url = _read_url(name, settings, folder)
        self._folder = folder
        self._database: Database | None = None
        self._services = {
            code: _compile(service, settings) for code, service in settings.services.items()
        }

    @property
    def name(self) -> str:
        """The name in ``[adapters.NAME]``."""
        return self._name

    @classmethod
    def from_settings(
        cls, name: str, table: Mapping[str, Any], egress: Egress, *, folder: Path = Path()
    ) -> Self:
        """Read ``SqlSettings`` and check every query; ``egress`` is not used.

        Raises:
            AdapterSettingsInvalid: see ``Adapter``.
        """
        return cls(name, read_table(SqlSettings, name, table), folder)

    async def start(self) -> None:
        """Make the pool; connections open when they are first needed."""
        settings = self._settings
        if self._url.drivername == _SQLITE:
            file = self._folder / (self._url.database or "")
            self._database = SqliteDatabase(file, settings.connections_max)
        else:
            # Only who has such a database needs its driver.
            from adapters.sql.postgres import PostgresDatabase

            longest_s = max(service.timeout_s for service in self._services.values())
            self._database = PostgresDatabase(self._url, settings.connections_max, longest_s)

    async def close(self) -> None:
        """Close every connection and thread."""
        database, self._database = self._database, None
        if database is not None:
            await database.close()

    async def answer(self, request: AdapterRequest) -> Answer | Reject:
        """Bind, run, map."""
        service = self._services.get(request.service)
        if service is None or self._database is None:
            raise ProviderUnreachable(
                "The adapter has no settings for this service, or is not started.",
                maybe_sent=False,
                adapter=self._name,
                service=request.service,
            )
        refused = refusal_of(request, is_for_tests=self._is_for_tests)
        if refused is not None:
            return refused
        try:
            params = service.statement.bind(request.json)
            found = await self._database.fetch(
                service.statement.clause, params, service.rows_max, service.timeout_s
            )
        except JsonInvalid as error:
            return Reject("unknown-request", error.detail)
        except ParamUnfit as error:
            return Reject("unknown-request", f"The request can't be put to the database: {error}.")
        objects = service.mapper.objects(found.names, found.rows)
        if service.list_path is None:
            return _one(service, request, objects)
        return _many(service, request, objects, service.list_path)


def _one(
    service: _Service, request: AdapterRequest, objects: list[dict[str, Any]]
) -> Answer | Reject:
    if not objects:
        return Reject("no-data", "The provider's database has no such entry.")
    if len(objects) > 1:
        raise ProviderMisbehaved("The database has two rows where there can be one.")
    return _answer(service, request, objects[0])


def _many(
    service: _Service,
    request: AdapterRequest,
    objects: list[dict[str, Any]],
    list_path: tuple[str, ...],
) -> Answer | Reject:
    if len(objects) > service.rows_max:
        return Reject("failure", f"More than {service.rows_max} rows; ask for less at once.")
    whole: dict[str, Any] = {}
    put_member(whole, list_path, objects)
    return _answer(service, request, whole)


def _answer(service: _Service, request: AdapterRequest, whole: dict[str, Any]) -> Answer:
    for member, pick in service.echo:
        value = pick(request.json)
        if value is not MISSING:
            whole[member] = value
    try:
        return Answer(JSON_TYPE, orjson.dumps(whole))
    except TypeError as error:  # text that is not UTF-8, or an integer beyond 64 bits
        raise ProviderMisbehaved("The database has a value that JSON has no form for.") from error


def _read_url(name: str, settings: SqlSettings, folder: Path) -> URL:
    try:
        url = make_url(settings.url.get_secret_value())
    except ArgumentError:
        raise AdapterSettingsInvalid(f"[adapters.{name}] url: not a database URL.") from None
    if url.drivername not in (_SQLITE, _POSTGRES):
        raise AdapterSettingsInvalid(
            f"[adapters.{name}] url: begins with {_SQLITE}:/// or {_POSTGRES}://."
        )
    if url.drivername == _POSTGRES and find_spec("asyncpg") is None:
        raise AdapterSettingsInvalid(f"[adapters.{name}] url: needs asyncpg, not installed here.")
    if url.drivername == _SQLITE and (not url.database or url.database == ":memory:" or url.query):
        raise AdapterSettingsInvalid(f"[adapters.{name}] url: names a file, and nothing after it.")
    if settings.password_file is not None:
        password = read_secret(settings.password_file, folder).get_secret_value()
        url = url.set(password=password)
    return url


def _compile(settings: SqlServiceSettings, whole: SqlSettings) -> _Service:
    is_many = settings.result == "many"
    return _Service(
        statement=Statement(settings.query, settings.params),
        mapper=RowMapper(settings),
        list_path=tuple((settings.list_member or "").split(".")) if is_many else None,
        echo=tuple((name, compile_mapping(source)) for name, source in settings.echo.items()),
        rows_max=settings.rows_max if is_many else 1,
        timeout_s=settings.timeout_s or whole.timeout_s,
    )

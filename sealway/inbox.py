"""The inbox: one effect for each message id, however often the bus repeats the question.

Owns one table in the provider's own database, beside the data that a question changes. The id is
claimed by an insert and the answer is kept in its row, both in the caller's transaction: effect,
claim and answer are there together or not at all. Refuses to commit, to roll back, to open a
connection, and to work outside a transaction. Knows no driver: any DB-API 2.0 connection to a
database that has `INSERT … ON CONFLICT DO NOTHING` (SQLite 3.24, PostgreSQL 9.5, and later).
"""

from __future__ import annotations

import base64
import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sealway.errors import InboxMisused
from sealway.exchange_rules import JSON_BYTES_MAX, encode_json
from sealway.requests import Reject
from signing.errors import SealwayError
from signing.identifiers import parse_message_id

TABLE: Final = "sealway_inbox"
ANSWER_BYTES_MAX: Final = JSON_BYTES_MAX  # the bus takes no larger JSON part
DEADLINE_DAYS_MAX: Final = 30  # no service may have a longer one, and no repeat comes after it
KEEP_S: Final = (DEADLINE_DAYS_MAX + 1) * 86_400  # a day for clocks, and for a bus that stood still

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
_VALUE = re.compile(r":([a-z]+)")
_HOLDERS: Final[Mapping[str, Callable[[int, str], str]]] = {
    "qmark": lambda n, name: "?",
    "numeric": lambda n, name: f":{n}",
    "named": lambda n, name: f":{name}",
    "format": lambda n, name: "%s",
    "pyformat": lambda n, name: f"%({name})s",
}
_BY_NAME: Final = frozenset({"named", "pyformat"})


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer of another type than JSON, as it was given the first time."""

    body: bytes = field(repr=False)
    type: str


class Inbox:
    """A table of the questions that have had their effect, with the answers they got.

    `paramstyle` is the driver's (PEP 249); without it the connection's module is asked. Two buses
    never share a table: an id is one bus's own.
    """

    def __init__(
        self,
        paramstyle: str | None = None,
        *,
        table: str = TABLE,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if paramstyle is not None and paramstyle not in _HOLDERS:
            raise ValueError(f"{paramstyle!r} is no paramstyle: {', '.join(_HOLDERS)}.")
        if not _TABLE.fullmatch(table):
            raise ValueError(f"{table!r} is no name for a table: name, or schema.name.")
        self._paramstyle = paramstyle
        self._table = table
        self._answer_bytes_max = answer_bytes_max
        self._clock = clock

    @property
    def ddl(self) -> str:
        """The statement that makes the table, for those who keep their tables in migrations."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self._table} ("
            "id VARCHAR(36) NOT NULL PRIMARY KEY, claimed_ms BIGINT NOT NULL, answer TEXT)"
        )

    def create(self, connection: Any) -> None:
        """Make the table unless it is there; in the caller's transaction."""
        self._execute(connection, self.ddl, {})

    def once(self, connection: Any, message_id: str, work: Callable[[], Any]) -> Any:
        """Call `work` for an id that is new and keep its answer; otherwise give the kept one.

        `work` does its writing on the same connection and returns what a handler may return: a
        dict or list, bytes, a `Reject`, or anything with `body` and `type`. Commit when this
        returns; roll back when it raises. What comes back is the same the first time and later.

        Two at the same time: PostgreSQL lets the second wait for the first one's end, SQLite
        for as long as the connection's timeout; then it gets the kept answer, or fails and the
        bus repeats the question.

        Raises:
            InboxMisused: no transaction is open; or the id was claimed and committed without an
                answer, so that nobody can tell whether it had its effect: for a person.
            ValueError, TypeError: no message id, or an answer that can't be kept or is too long.
        """
        _check_id(message_id)
        values = {"id": message_id, "now": int(self._clock() * 1000)}
        statement = (
            f"INSERT INTO {self._table} (id, claimed_ms) VALUES (:id, :now)"  # noqa: S608
            " ON CONFLICT (id) DO NOTHING"
        )
        claimed, _ = self._execute(connection, statement, values)
        self._check_transaction(connection, message_id, claimed=claimed == 1)
        if claimed != 1:
            return self._kept(connection, message_id)
        text = self._encoded(work())
        statement = f"UPDATE {self._table} SET answer = :answer WHERE id = :id"  # noqa: S608
        self._execute(connection, statement, {"answer": text, "id": message_id})
        return _decoded(text)

    def forget(self, connection: Any, older_than_s: float = KEEP_S) -> int:
        """Drop what was claimed longer ago, and say how much that was.

        A repeat comes at most until the service's deadline after the question was accepted, so
        that deadline and a day are enough; what is dropped earlier may have its effect twice.
        """
        before = int((self._clock() - older_than_s) * 1000)
        statement = f"DELETE FROM {self._table} WHERE claimed_ms < :before"  # noqa: S608
        return self._execute(connection, statement, {"before": before})[0]

    def _kept(self, connection: Any, message_id: str) -> Any:
        statement = f"SELECT answer FROM {self._table} WHERE id = :id"  # noqa: S608
        _, row = self._execute(connection, statement, {"id": message_id}, fetch=True)
        text = None
        if row is not None:
            text = row["answer"] if isinstance(row, Mapping) else row[0]
        if text is None:
            raise InboxMisused(
                "The question was claimed before and that was committed without an answer; "
                f"whether it had its effect must be seen in the data, then {self._table} put right."
            )
        return _decoded(text)

    def _encoded(self, said: Any) -> str:
        text = _encode(said)
        if len(text.encode()) > self._answer_bytes_max:
            raise ValueError(f"An answer to be kept has at most {self._answer_bytes_max} bytes.")
        return text

    def _check_transaction(self, connection: Any, message_id: str, *, claimed: bool) -> None:
        if _is_in_transaction(connection):
            return
        if claimed:  # it is committed already: take it back, so that nothing is lost
            statement = f"DELETE FROM {self._table} WHERE id = :id"  # noqa: S608
            self._execute(connection, statement, {"id": message_id})
        raise InboxMisused("The connection commits each statement: begin a transaction first.")

    def _execute(
        self, connection: Any, statement: str, values: Mapping[str, Any], *, fetch: bool = False
    ) -> tuple[int, Any]:
        """Rows changed, and with `fetch` the first row or None."""
        style = self._paramstyle or _paramstyle_of(connection)
        names = _VALUE.findall(statement)
        numbers = iter(range(1, len(names) + 1))
        sql = _VALUE.sub(lambda found: _HOLDERS[style](next(numbers), found[1]), statement)
        bound = dict(values) if style in _BY_NAME else [values[name] for name in names]
        cursor = connection.cursor()
        try:
            cursor.execute(sql, bound)
            return cursor.rowcount, cursor.fetchone() if fetch else None
        finally:
            cursor.close()


def _check_id(message_id: str) -> None:
    try:
        parse_message_id(message_id)
    except SealwayError as error:
        raise ValueError("An inbox goes by the message's id: request.id, or the key given.") from (
            error
        )


def _paramstyle_of(connection: Any) -> str:
    """The `paramstyle` of the module, or package, that the connection's class is from."""
    for made_of in type(connection).__mro__:
        name = made_of.__module__
        while name:
            style = getattr(sys.modules.get(name), "paramstyle", None)
            if style in _HOLDERS:
                return str(style)
            name = name.rpartition(".")[0]
    raise InboxMisused("The driver's paramstyle can't be told: give it, as in Inbox('format').")


def _is_in_transaction(connection: Any) -> bool:
    """As far as the driver tells; one that tells nothing is believed."""
    if isinstance(told := getattr(connection, "in_transaction", None), bool):
        return told  # sqlite3
    status = getattr(getattr(connection, "info", None), "transaction_status", None)
    if status is None and callable(ask := getattr(connection, "get_transaction_status", None)):
        status = ask()  # psycopg2
    if status is not None:
        return int(status) != 0  # psycopg: 0 is idle
    return getattr(connection, "autocommit", False) is not True


def _encode(said: Any) -> str:
    if isinstance(said, Reject):
        kept: dict[str, Any] = {"reject": {"code": said.code, "text": said.text}}
    elif isinstance(said, dict | list | tuple):
        kept = {"json": said}
    else:
        body, media_type = said, None
        if not isinstance(said, bytes | bytearray):
            body, media_type = getattr(said, "body", None), getattr(said, "type", None)
            if not isinstance(body, bytes) or not isinstance(media_type, str):
                raise TypeError("An answer is a dict, a list, bytes, a Reject, or has body, type.")
        kept = {"type": media_type, "base64": base64.b64encode(body).decode()}
    return encode_json(kept).decode()


def _decoded(text: str) -> Any:
    kept = json.loads(text)
    if "json" in kept:
        return kept["json"]
    if "reject" in kept:
        return Reject(**kept["reject"])
    body = base64.b64decode(kept["base64"])
    return body if kept["type"] is None else StoredAnswer(body, kept["type"])

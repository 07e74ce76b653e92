"""From rows to the JSON of an answer.

Owns the names, the nesting, NULL, and the JSON form of what databases return. Invariant: a value
that JSON can't hold exactly as settings say is the provider's misbehaviour, never rounded.
"""

import base64
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from adapters.errors import ProviderMisbehaved
from adapters.sql.settings import ColumnSettings, SqlServiceSettings

Put = tuple[int, tuple[str, ...], Callable[[Any], Any]]

_PLAIN: Final = (str, int, bool)


class RowMapper:
    """Turns rows of one query into objects; knows the columns' places after the first row."""

    def __init__(self, settings: SqlServiceSettings) -> None:
        self._columns = settings.columns
        self._keeps_null = settings.nulls == "null"
        self._decimal: Callable[[Decimal], Any] = (
            _decimal_text if settings.decimals == "text" else _decimal_number
        )
        self._known: tuple[tuple[str, ...], tuple[Put, ...]] | None = None

    def objects(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """One object a row.

        Raises:
            ProviderMisbehaved: a column that the settings name isn't there, a code without a
                meaning, or a value that JSON doesn't hold.
        """
        puts = self._puts(tuple(names))
        return [self._object(puts, row) for row in rows]

    def _puts(self, names: tuple[str, ...]) -> tuple[Put, ...]:
        if self._known is None or self._known[0] != names:
            self._known = (names, self._plan(names))
        return self._known[1]

    def _plan(self, names: tuple[str, ...]) -> tuple[Put, ...]:
        if self._columns is None:
            return tuple((at, (name,), self._json) for at, name in enumerate(names))
        places = {name.casefold(): at for at, name in enumerate(names)}
        puts = []
        for column, target in self._columns.items():
            at = places.get(column.casefold())
            if at is None:
                raise ProviderMisbehaved("The query has no such column.", column=column)
            member = target.member if isinstance(target, ColumnSettings) else target
            puts.append((at, tuple(member.split(".")), self._reader(target)))
        return tuple(puts)

    def _reader(self, target: str | ColumnSettings) -> Callable[[Any], Any]:
        values = target.values if isinstance(target, ColumnSettings) else None
        if values is None:
            return self._json
        meanings = values

        def read(value: Any) -> Any:
            try:
                return meanings[str(value)]
            except KeyError:
                raise ProviderMisbehaved("The database has a code without a meaning.") from None

        return read

    def _object(self, puts: tuple[Put, ...], row: Sequence[Any]) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for at, path, read in puts:
            value = row[at]
            if value is None:
                if not self._keeps_null:
                    continue
            else:
                value = read(value)
            put_member(whole, path, value)
        return whole

    def _json(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if isinstance(value, Decimal):
            return self._decimal(value)
        return _other_json(value)


def put_member(whole: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put ``value`` at ``path``, making the objects on the way."""
    node = whole
    for step in path[:-1]:
        node = node.setdefault(step, {})
    node[path[-1]] = value


def _other_json(value: Any) -> Any:
    if isinstance(value, float):
        if math.isfinite(value):
            return value
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat()
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    elif isinstance(value, date | time):
        return value.isoformat()
    elif isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    elif isinstance(value, UUID):
        return str(value)
    elif isinstance(value, list | tuple):
        return [None if item is None else _item_json(item) for item in value]
    raise ProviderMisbehaved("The database has a value that JSON has no form for.")


def _item_json(item: Any) -> Any:
    if type(item) in _PLAIN:
        return item
    return _decimal_text(item) if isinstance(item, Decimal) else _other_json(item)


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise ProviderMisbehaved("The database has a number that is none.")
    return format(value, "f")


def _decimal_number(value: Decimal) -> int | float:
    if not value.is_finite():
        raise ProviderMisbehaved("The database has a number that is none.")
    if value == value.to_integral_value() and abs(value) < 2**53:
        return int(value)
    return float(value)

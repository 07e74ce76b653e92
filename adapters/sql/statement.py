"""One read-only statement, checked and prepared when the settings are read.

Owns the refusal of everything but a single SELECT, and the binding of a request's values.
Invariant: SQL text comes from the operator alone; a value of a request is only ever bound.

The check of the text finds mistakes early and is not what keeps the data safe: the connection is
read-only as well (see ``database``).
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Date, DateTime, String, TextClause, bindparam, text
from sqlalchemy.types import TypeEngine

from adapters.errors import AdapterSettingsInvalid
from adapters.mapping import MISSING, Pick, compile_mapping
from adapters.sql.settings import ParamSettings

# What may hold any characters: comments, strings, quoted names, dollar quotes.
_OPAQUE: Final = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\$(\w*)\$.*?\$\1\$", re.DOTALL
)
_LEFT_OPEN: Final = re.compile(r"/\*|\*/|['\"`]|\$\w*\$")
_ESCAPE_STRING: Final = re.compile(r"\b[eE]'")
_WRITES: Final = re.compile(
    r"\b(insert|update|delete|merge|into|drop|create|alter|attach|detach|pragma|truncate|grant"
    r"|revoke|copy|call|execute|vacuum|reindex|lock)\b",
    re.IGNORECASE,
)
_FIRST: Final = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_TYPES: Final[Mapping[str, TypeEngine[Any] | None]] = {
    "any": None,
    "text": String(),
    "integer": BigInteger(),
    "date": Date(),
    "timestamp": DateTime(timezone=True),
}
_INTEGER_MAX: Final = 2**63 - 1


class ParamUnfit(ValueError):
    """A value of the request that can't be bound."""


def check_query(sql: str) -> None:
    """Accept a single SELECT, or WITH … SELECT; a name like a keyword goes in quotes.

    Raises:
        AdapterSettingsInvalid: anything else, with the reason.
    """
    if _ESCAPE_STRING.search(sql):
        raise AdapterSettingsInvalid("A query has no E'…' strings: their ends depend on escapes.")
    masked = _OPAQUE.sub(" '' ", sql)
    if _LEFT_OPEN.search(masked.replace("''", "")):
        raise AdapterSettingsInvalid("A query has a comment or a quote that doesn't end.")
    masked = masked.rstrip().removesuffix(";")
    if ";" in masked:
        raise AdapterSettingsInvalid("A query is one statement.")
    if _FIRST.match(masked.replace("''", "")) is None:
        raise AdapterSettingsInvalid("A query begins with SELECT or WITH.")
    word = _WRITES.search(masked)
    if word is not None:
        raise AdapterSettingsInvalid(f"A query only reads; {word[0]!r} does not belong in it.")


class Statement:
    """A checked query with its parameters' places in the request."""

    __slots__ = ("_params", "clause")

    def __init__(self, sql: str, params: Mapping[str, str | ParamSettings]) -> None:
        """Check and prepare.

        Raises:
            AdapterSettingsInvalid: no single SELECT, or params that are not the query's.
        """
        check_query(sql)
        clause = text(sql.strip().removesuffix(";"))
        wanted = set(clause.compile().params)
        if wanted != set(params):
            odd = ", ".join(sorted(wanted ^ set(params)))
            raise AdapterSettingsInvalid(f"The query and its params don't match: {odd}.")
        full = {name: _full(setting) for name, setting in params.items()}
        typed = [bindparam(n, type_=_TYPES[p.type]) for n, p in full.items() if _TYPES[p.type]]
        self.clause: TextClause = clause.bindparams(*typed) if typed else clause
        self._params: tuple[tuple[str, Pick, ParamSettings], ...] = tuple(
            (name, compile_mapping(setting.source), setting) for name, setting in full.items()
        )

    def bind(self, document: Any) -> dict[str, Any]:
        """The parameters' values for one request.

        Raises:
            ParamUnfit: missing, or not a scalar that the parameter takes.
        """
        bound: dict[str, Any] = {}
        for name, pick, setting in self._params:
            value = pick(document)
            if value is MISSING or value is None:
                if not setting.optional:
                    raise ParamUnfit(f"{setting.source} is missing")
                bound[name] = None
                continue
            try:
                bound[name] = _value(value, setting.type)
            except ValueError:
                raise ParamUnfit(f"{setting.source} is not what the query takes") from None
        return bound


def _full(setting: str | ParamSettings) -> ParamSettings:
    if isinstance(setting, ParamSettings):
        return setting
    return ParamSettings.model_validate({"from": setting})


def _value(value: Any, kind: str) -> Any:
    """``value`` as the database takes it; raises ValueError when it doesn't fit."""
    given = type(value)
    if given is str:
        if "\x00" in value:
            raise ValueError("NUL")
        if kind == "date":
            return date.fromisoformat(value)
        if kind == "timestamp":
            return datetime.fromisoformat(value)
        if kind in ("any", "text"):
            return value
    elif given is int and kind in ("any", "integer"):
        if abs(value) > _INTEGER_MAX:
            raise ValueError("beyond 64 bits")
        return value
    elif given in (bool, float) and kind == "any":
        return value
    raise ValueError("no scalar of that type")

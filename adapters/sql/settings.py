"""The table ``[adapters.NAME]`` of kind ``sql``."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from adapters.settings import ServiceKey, SettingsTable

_MEMBER: Final = re.compile(r"[^.]{1,100}(?:\.[^.]{1,100}){0,7}\Z")


def _check_member(text: str) -> str:
    if _MEMBER.match(text) is None:
        raise ValueError("a member is name or outer.inner, at most 8 deep")
    return text


Member = Annotated[str, AfterValidator(_check_member)]


class ParamSettings(SettingsTable):
    """Where one ``:param`` comes from.

    source: a JSON Pointer into the request. optional: NULL when nothing is there.
    type: what the database takes it for; ``any`` binds text, numbers and truth values as they are.
    """

    source: str = Field(alias="from")
    optional: bool = False
    type: Literal["any", "text", "integer", "date", "timestamp"] = "any"


class ColumnSettings(SettingsTable):
    """Where one column goes. values: the agency's codes → the schema's; others misbehave."""

    member: Member = Field(alias="to")
    values: dict[str, str | int | bool] | None = None


class SqlServiceSettings(SettingsTable):
    """One service: one query.

    query: a single SELECT (or WITH … SELECT) with ``:params``.
    params: every param of the query, and no other → its place in the request.
    result: ``one`` row is the answer (none is ``no-data``), or ``many`` rows under ``list_member``.
    columns: column → member; columns that are not named are left out; without the table every
        column is the member of its name.
    echo: further members of the answer, mapped from the request (see ``adapters.mapping``).
    nulls: a NULL leaves its member ``absent``, or makes it ``null``.
    decimals: exact decimals as ``text`` (nothing is rounded) or as a JSON ``number``.
    rows_max: more rows than this are refused, not cut.
    """

    query: str = Field(min_length=1, max_length=20_000)
    params: dict[str, str | ParamSettings] = Field(default_factory=dict)
    result: Literal["one", "many"] = "one"
    list_member: Member | None = None
    columns: dict[str, Member | ColumnSettings] | None = None
    echo: dict[str, Any] = Field(default_factory=dict)
    nulls: Literal["absent", "null"] = "absent"
    decimals: Literal["text", "number"] = "text"
    rows_max: int = Field(default=1000, ge=1, le=100_000)
    timeout_s: float | None = Field(default=None, gt=0, le=600)

    @model_validator(mode="after")
    def _list_has_a_name(self) -> "SqlServiceSettings":
        if (self.result == "many") != (self.list_member is not None):
            raise ValueError("list_member belongs to result = 'many', and must be there")
        return self


class SqlSettings(SettingsTable):
    """A database and its services.

    url: ``sqlite:///path/of.db`` (relative to the settings file) or
        ``postgresql+asyncpg://user@host:port/name``. A URL with a password is a secret: give
        the password by ``password_file``.
    test: answers test messages, and nothing else; a service's `test_delivery` names it.
    timeout_s: one statement, 10 s by default: a query that takes longer wants an index.
    connections_max: as many statements run at once; 4 is what a small database gives gladly.
    """

    kind: Literal["sql"] = "sql"
    test: bool = False
    url: SecretStr
    password_file: Path | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    connections_max: int = Field(default=4, ge=1, le=100)
    services: dict[ServiceKey, SqlServiceSettings] = Field(min_length=1)

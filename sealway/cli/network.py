"""`network.toml`: a country in small, read into registry changes.

Owns the file's format. Refuses unknown tables and members, so that a misspelt one is an error
here and not a default there. Nothing is looked up: what is there already is for the bus to say.

    [[member]]       id, name                                         state?
    [[system]]       id, name                                         answers? mailbox_max? state?
    [[certificate]]  system, file (PEM, relative to this file)        custody? state?
    [[schema]]       subject, file            format? references? examples? counter_examples? state?
    [[service]]      system, code, title, request, response (a schema's file or subject)
                     deadline_s? timeout_s? repeat? delivery? concurrency? listed? state?
    [[grant]]        consumer, service ("<system>/<code>"), purposes, legal_basis, valid_from
                     id? valid_to? test? state?
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from sealway.errors import SdkError
from signing.certificates import CertificateInvalid, parse_certificate, pem_to_der
from signing.encoding import b64url_encode, format_time
from signing.errors import SealwayError

FILE_BYTES_MAX: Final = 1024 * 1024  # a schema's text has a megabyte at most
WRONG_SHOWN_MAX: Final = 20  # what fits a screen


class NetworkInvalid(SdkError):
    """A network.toml that cannot be read as one; `detail` says where."""

    code = "settings-invalid"


@dataclass(frozen=True, slots=True)
class Change:
    """One change as `POST /v1/changes` takes it."""

    noun: str
    object: dict[str, Any]
    number: int = 0

    @property
    def place(self) -> str:
        """Where in the file it stands."""
        return f"[[{self.noun}]] number {self.number}"

    def as_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {"noun": self.noun, "object": self.object}


@dataclass(frozen=True, slots=True)
class _Shape:
    needs: frozenset[str]
    may: frozenset[str]


def _shape(needs: str, may: str) -> _Shape:
    return _Shape(frozenset(needs.split()), frozenset(may.split()))


_SHAPES: Final = {
    "member": _shape("id name", "state"),
    "system": _shape("id name", "v_max answers mailbox_max state"),
    "certificate": _shape("system file", "custody state"),
    "schema": _shape("subject file", "format references examples counter_examples state"),
    "service": _shape(
        "system code title request response",
        "deadline_s timeout_s repeat delivery concurrency listed state",
    ),
    "grant": _shape("consumer service purposes legal_basis valid_from", "id valid_to test state"),
}
"""In the order in which changes are made: each may name what the ones before it made."""


def read_network(path: Path) -> list[Change]:
    """The changes that a network.toml asks for, in an order in which each can be made.

    Raises:
        NetworkInvalid: the file or one it names cannot be read, or a field is wrong; `detail` has
            a line for each table that is, the first 20.
    """
    try:
        tables = tomllib.loads(_read(path).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NetworkInvalid(f"{path}: {error}") from error
    unknown = tables.keys() - _SHAPES.keys()
    if unknown:
        raise NetworkInvalid(
            f"{path}: unknown table [[{min(unknown)}]]; there are: {', '.join(_SHAPES)}."
        )
    reader = _Reader(path, tables)
    changes: list[Change] = []
    wrong: list[str] = []
    for noun in _SHAPES:
        for number, table in enumerate(reader.tables(noun), start=1):
            try:
                changes.append(Change(noun, reader.read(noun, number, table), number))
            except NetworkInvalid as error:
                wrong.append(error.detail)
    if wrong:
        more = (
            [f"… and {len(wrong) - WRONG_SHOWN_MAX} more."] if len(wrong) > WRONG_SHOWN_MAX else []
        )
        raise NetworkInvalid("\n  ".join(wrong[:WRONG_SHOWN_MAX] + more))
    return changes


class _Reader:
    def __init__(self, path: Path, tables: Mapping[str, Any]) -> None:
        self._path = path
        self._tables = tables
        self._subjects = {
            table["file"]: table.get("subject")
            for table in self.tables("schema")
            if isinstance(table, dict) and isinstance(table.get("file"), str)
        }

    def tables(self, noun: str) -> list[Any]:
        tables = self._tables.get(noun, [])
        if not isinstance(tables, list):
            raise NetworkInvalid(f"{self._path}: write [[{noun}]], with double brackets.")
        return tables

    def read(self, noun: str, number: int, table: Any) -> dict[str, Any]:
        where = f"{self._path}, {Change(noun, {}, number).place}"
        shape = _SHAPES[noun]
        if not isinstance(table, dict):
            raise NetworkInvalid(f"{where}: write [[{noun}]], with double brackets.")
        missing = shape.needs - table.keys()
        if missing:
            raise NetworkInvalid(f"{where} lacks {', '.join(sorted(missing))}.")
        unknown = table.keys() - shape.needs - shape.may
        if unknown:
            raise NetworkInvalid(f"{where} has no field {min(unknown)!r}.")
        readers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "certificate": self._certificate,
            "schema": self._schema,
            "service": self._service,
            "grant": _grant,
        }
        members = {name: _value(value) for name, value in table.items()}
        try:
            return readers.get(noun, dict)(members)
        except NetworkInvalid as error:
            raise NetworkInvalid(f"{where}: {error.detail}") from error
        except (SealwayError, OSError) as error:
            raise NetworkInvalid(f"{where}: {error}") from error

    def _certificate(self, members: dict[str, Any]) -> dict[str, Any]:
        name = members.pop("file")
        if isinstance(name, str) and not (self._path.parent / name).exists():
            raise NetworkInvalid(
                f"there is no {self._path.parent / name}; 'sealway key new NAME --system "
                f"{members['system']}' makes a key and its certificate, NAME.cert.pem."
            )
        data = self._file(name)
        try:
            der = pem_to_der(data) if data.lstrip().startswith(b"-----") else data
            parsed = parse_certificate(der)
        except CertificateInvalid as error:
            raise NetworkInvalid(error.detail) from error
        return {
            "x5t": parsed.x5t,
            "system": members["system"],
            "certificate": b64url_encode(parsed.der),
            "alg": parsed.alg,
            "not_before": format_time(parsed.not_before_ms),
            "not_after": format_time(parsed.not_after_ms),
            "custody": members.get("custody", "member"),
            "state": members.get("state", "active"),
        }

    def _schema(self, members: dict[str, Any]) -> dict[str, Any]:
        name = members.pop("file")
        text = self._text(name)
        for list_ in ("examples", "counter_examples"):
            if list_ in members:
                members[list_] = self._texts(list_, members[list_])
        format_name = _FORMATS.get(Path(name).suffix, "json-schema")
        return {"format": format_name, **members, "text": text}

    def _texts(self, list_: str, names: Any) -> list[str]:
        if not isinstance(names, list):
            raise NetworkInvalid(f"'{list_}' must be a list of files.")
        return [self._text(name) for name in names]

    def _text(self, name: Any) -> str:
        try:
            return self._file(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise NetworkInvalid(f"the file {name!r} is not UTF-8.") from error

    def _service(self, members: dict[str, Any]) -> dict[str, Any]:
        for role in ("request", "response"):
            members[f"{role}_schema"] = self._schema_of(members.pop(role))
        return members

    def _schema_of(self, named: Any) -> Any:
        if not isinstance(named, str):
            raise NetworkInvalid("request and response name a schema's file or subject.")
        if named.startswith("sha256:"):
            return named
        return {"subject": self._subjects.get(named, named)}

    def _file(self, name: Any) -> bytes:
        if not isinstance(name, str):
            raise NetworkInvalid("'file' must be a text.")
        return _read(self._path.parent / name)


_FORMATS: Final = {".avsc": "avro", ".xsd": "xsd"}
"""By the ending of a schema's file, when its table names no format."""


def _grant(members: dict[str, Any]) -> dict[str, Any]:
    system, slash, code = str(members["service"]).rpartition("/")
    if not slash:
        raise NetworkInvalid("'service' must be '<system>/<code>'.")
    return {**members, "system": system, "service": code}


def _value(value: Any) -> Any:
    """Dates and times of TOML as the registry writes them; a day begins at 00:00 UTC."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return format_time(int(moment.timestamp() * 1000))
    if isinstance(value, date):
        moment = datetime.combine(value, time(), UTC)
        return format_time(int(moment.timestamp() * 1000))
    return value


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise NetworkInvalid(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > FILE_BYTES_MAX:
        raise NetworkInvalid(f"{path} is longer than {FILE_BYTES_MAX} bytes.")
    return data

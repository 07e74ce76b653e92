"""From a TOML file and `SEALWAY_…` variables to `Settings`, or to one sentence for each mistake.

Owns the only look at the environment that the service takes, and the texts of what is wrong.
Refuses to guess: an unknown key or variable stops the start. Values are never repeated in a text,
because one of them might be a secret in the wrong place.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exchange.operation.settings.model import Settings
from signing.errors import SealwayError

FILE_NAME: Final = "sealway.toml"
PREFIX: Final = "SEALWAY_"
NESTING: Final = "__"
# Variables that others read: SDK and command line, and the tests.
_NOT_OURS: Final = ("SEALWAY_HOME", "SEALWAY_PROFILE", "SEALWAY_TEST_")
_TABLES: Final = (
    "egress", "anchoring", "policy", "limits", "delivery", "database", "kafka", "retention",
    "sandbox", "tracing",
)  # fmt: skip
_NAMED: Final = ("hosted", "push", "witnesses", "authorities")  # one table for each name
# A value of one of two keys takes the place of the other's: each says the same thing.
_EITHER: Final = {("database", "url"): "url_file", ("database", "url_file"): "url"}


class SettingsInvalid(SealwayError):
    """The settings can't be used. `mistakes` has one sentence for each."""

    code = "settings-invalid"

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(" ".join(self.mistakes))


def load_settings(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
) -> Settings:
    """The settings of this process.

    `path` is the TOML file, or None for variables alone (paths then start at the working folder).
    A variable wins over the file: `SEALWAY_PORT`, `SEALWAY_LIMITS__WAIT_S_MAX`; lists and tables
    are written as JSON or TOML (`SEALWAY_EGRESS__HOSTS='["api.example.org:443"]'`). `environ` is
    the process's own environment unless given. `options` are keys of the top level that a command's
    options set; they win over both.

    Raises:
        SettingsInvalid: the file can't be read, or keys are unknown, missing or wrong; all of
            them are named.
    """
    values = _read(path) if path is not None else {}
    mistakes = _overlay(values, os.environ if environ is None else environ)
    if "folder" in values:
        mistakes.append(_unknown("folder", Settings))
    values.update(options or {})
    folder = (path.parent if path is not None else Path()).absolute()
    try:
        settings = Settings.model_validate({**values, "folder": folder}, context={"folder": folder})
    except ValidationError as error:
        mistakes.extend(_sentence(one) for one in error.errors(include_url=False))
        raise SettingsInvalid(mistakes) from None
    if mistakes:
        raise SettingsInvalid(mistakes)
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        made = f"make one with `sealway init {quote(str(path.parent))}`"
        raise SettingsInvalid([f"There is no {path}; {made}."]) from None
    except PermissionError as error:
        what = f"{path} can't be read ({error.strerror}); give the bus's user the right to."
        raise SettingsInvalid([what]) from None
    except OSError as error:
        what = f"{path} can't be read ({error.strerror}); name the folder of a bus."
        raise SettingsInvalid([what]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid([f"{path} is not TOML ({error}); correct that place."]) from None


def _overlay(values: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Put the variables over the file's values; returns what is wrong with their names."""
    mistakes: list[str] = []
    in_file = {table: frozenset(inner) for table, inner in values.items() if type(inner) is dict}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name.startswith(_NOT_OURS):
            continue
        table, nested, key = name.removeprefix(PREFIX).lower().partition(NESTING)
        if table == "folder" or table not in Settings.model_fields or (
            nested and table not in _TABLES
        ):  # fmt: skip
            mistakes.append(f"The variable {name} names no setting; remove it or correct it.")
        elif not nested:
            values[table] = _parse_value(environ[name])
        elif isinstance(inner := values.setdefault(table, {}), dict):
            inner[key] = _parse_value(environ[name])
            if (other := _EITHER.get((table, key))) in in_file.get(table, ()):
                inner.pop(other, None)
    return mistakes


def _parse_value(text: str) -> Any:
    """A list or table written as TOML (JSON lists are), or the text itself."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _sentence(error: ErrorDetails) -> str:
    """One sentence that names the key and what to do."""
    place = ".".join(str(step) for step in error["loc"] if step != "[key]")
    if error["type"] == "extra_forbidden":
        return _unknown(place, _model_at(error["loc"][:-1]))
    if error["type"] == "missing":
        return f"`{place}` is missing; set it{_why(error['loc'])}."
    if not place:
        return f"{error['msg'].removeprefix('Value error, ')}; correct one of them."
    what = error["msg"].removeprefix("Value error, ").rstrip(".")
    return f"`{place}` is wrong: {what}; correct it{_why(error['loc'])}."


def _unknown(place: str, model: type[BaseModel] | None) -> str:
    names = [name for name in model.model_fields if name != "folder"] if model else []
    near = get_close_matches(place.rpartition(".")[2], names, n=1)
    hint = f" (meant `{near[0]}`?)" if near else ""
    return f"`{place}` is not a setting; remove it or correct its name{hint}."


def _why(place: tuple[int | str, ...]) -> str:
    model = _model_at(place[:-1])
    field = model.model_fields.get(str(place[-1])) if model else None
    return f" ({field.description})" if field and field.description else ""


def _model_at(place: tuple[int | str, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] = Settings
    if place and place[0] in _NAMED:
        annotation: Any = model.model_fields[str(place[0])].annotation
        return annotation.__args__[1] if len(place) == 2 else None
    for step in place:
        inner = model.model_fields.get(str(step))
        sort: Any = inner.annotation if inner else None
        sort = next(iter(get_args(sort)), sort)  # of `Kafka | None`, the table
        if not isinstance(sort, type) or not issubclass(sort, BaseModel):
            return None
        model = sort
    return model

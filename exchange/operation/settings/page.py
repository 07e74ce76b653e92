"""docs/settings.md, made from the settings themselves.

    python -m exchange.operation.settings.page > docs/settings.md

Owns the page's layout. Refuses to own a word about any key: what is said of it is its description.
A test fails while the committed page isn't what this makes.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from exchange.operation.settings.model import Settings

_HEAD: Final = """\
# Settings

Everything that `sealway.toml` may say, made from the settings themselves by
`python -m exchange.operation.settings.page`; don't edit it here. Unknown keys are refused. Relative
paths start at the file's folder. A variable wins over the file: `SEALWAY_PORT` is `port`,
`SEALWAY_LIMITS__WAIT_S_MAX` is `wait_s_max` in `[limits]`; lists are written as JSON.

Names say their unit: `_s` seconds, `_ms` milliseconds, `_days` days, `_bytes` bytes; `_max` and
`_min` are bounds. Every process of a bus reads the same settings; those of adapters and
hosted keys matter to deliverers only; so does egress, but where [tracing] is.
"""
_COLUMNS: Final = "\n| key | default | may be | what, and why |\n|---|---|---|---|\n"
_UNITS: Final = {"_bytes_": "bytes", "_s_": "s", "_ms_": "ms", "_days_": "days"}
_SIGNS: Final = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_SIZES: Final = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def settings_markdown() -> str:
    """The whole page."""
    parts = [_HEAD, "\n## At the top\n", _COLUMNS]
    tables = []
    for key, field in Settings.model_fields.items():
        if field.exclude:
            continue
        if (table := _table_of(field.annotation)) is not None:
            tables.append((key, table, field))
        else:
            parts.append(_row(key, field))
    for key, table, field in tables:
        parts.append(_section(key, table, field))
    return "".join(parts)


def _section(key: str, table: type[BaseModel], field: FieldInfo) -> str:
    name = key
    if get_origin(field.annotation) is dict:  # by what its table's docstring calls the names
        is_named = f"[{key}.NAME]" in (table.__doc__ or "")
        name = f"{key}.NAME" if is_named else f'{key}."<system>"'
    about = (table.__doc__ or "").partition(": ")[2].strip()
    said = f"{about[:1].upper()}{about[1:]}"
    rows = "".join(_row(one, inner) for one, inner in table.model_fields.items())
    return f"\n## [{name}]\n\n{said}\n{_COLUMNS}{rows}"


def _row(key: str, field: FieldInfo) -> str:
    cells = (f"`{key}`", _default(key, field), _range(field), field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The table that a key is, alone, or none, or one for each name."""
    options = [annotation]
    if get_origin(annotation) in (Union, UnionType):
        options = list(get_args(annotation))
    elif get_origin(annotation) is dict:
        options = [get_args(annotation)[1]]
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _default(key: str, field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "must be given"
    if value is None or value in ((), "", {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"`{value:g}`{_unit(key, value)}" if value < 10_000 else _large(key, value)
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{value}`" if isinstance(value, str | Path) else f"`{value!r}`"


def _large(key: str, value: float) -> str:
    """A large number as it is typed, and in the size that people say."""
    for size, name in _SIZES:
        if _is_of(key, "_bytes_") and value % size == 0:
            return f"`{value:.0f}` ({value / size:g} {name})"
    return f"`{value:.0f}`{_unit(key, value)}"


def _is_of(key: str, unit: str) -> bool:
    return unit in f"_{key}_"


def _unit(key: str, value: float) -> str:
    if _is_of(key, "_bytes_") or _is_of(key, "per_s"):
        return ""
    found = next((name for part, name in _UNITS.items() if _is_of(key, part)), "")
    return f" {found}" if found else ""


def _range(field: FieldInfo) -> str:
    return ", ".join(_bounds(field))


def _bounds(field: FieldInfo) -> Iterator[str]:
    for bound in field.metadata:
        for name, sign in _SIGNS.items():
            if (value := getattr(bound, name, None)) is not None:
                yield f"{sign} {_plain(value)}"


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


if __name__ == "__main__":
    sys.stdout.write(settings_markdown())

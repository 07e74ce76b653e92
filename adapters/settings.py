"""Reading an adapter's table of settings.

Owns the refusal of unknown keys, messages that name the key and never the value, and secrets in
files. Refuses to read the environment or a settings file: a table comes in as a mapping.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError

from adapters.errors import AdapterSettingsInvalid
from sealway.secret_files import warn_if_open
from signing.errors import SealwayError
from signing.identifiers import parse_service_code

_SECRET_BYTES_MAX: Final = 16 * 1024


class SettingsTable(BaseModel):
    """The base of every table: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _check_service(text: str) -> str:
    try:
        return str(parse_service_code(text))
    except SealwayError as error:
        raise ValueError("not a service code") from error


ServiceKey = Annotated[str, AfterValidator(_check_service)]
Table = TypeVar("Table", bound=SettingsTable)


def read_table(model: type[Table], name: str, table: Mapping[str, Any]) -> Table:
    """``[adapters.NAME]`` as ``model``.

    Raises:
        AdapterSettingsInvalid: every wrong key, named with its place; values are not shown.
    """
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise AdapterSettingsInvalid(f"[adapters.{name}] {wrong}") from None


def read_secret(file: Path, folder: Path) -> SecretStr:
    """The text of a secret file, without the line's end; relative paths start at ``folder``.

    A warning is logged when others on this machine may read the file.

    Raises:
        AdapterSettingsInvalid: not there, empty, over 16 KiB, or not text.
    """
    path = folder / file
    try:
        data = path.read_bytes()
        text = data.decode("utf-8").rstrip("\r\n")
        warn_if_open(path)
    except (OSError, UnicodeDecodeError) as error:
        raise AdapterSettingsInvalid(f"The secret file {file} can't be read.") from error
    if not text or len(data) > _SECRET_BYTES_MAX:
        raise AdapterSettingsInvalid(f"The secret file {file} is empty or over 16 KiB.")
    return SecretStr(text)

"""Where the database to be verified is: a file, a copied data folder, or what settings name.

Reads of `sealway.toml` only where the data is. A database on PostgreSQL is copied first; what is
verified is always one file.
"""

import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sealway.profile import database_url
from sealway.verify.copying import Told, copy_database
from sealway.verify.database import FILE_NAME, FolderUnusable

SETTINGS_NAME: Final = "sealway.toml"
URL_BYTES_MAX: Final = 4096


@contextmanager
def source_file(path: Path, keep: Path | None, told: Told) -> Iterator[Path]:
    """The file or folder that `open_database` takes; a copy is gone afterwards unless kept.

    Raises:
        FolderUnusable: the settings can't be used, or ``keep`` where nothing is copied.
        ExtraMissing, CopyFailed: the database can't be copied.
    """
    url = None
    if (path / SETTINGS_NAME).is_file():
        members = _settings(path / SETTINGS_NAME)
        url = _url(members, path)
        if url is None:
            path = path / str(members.get("data", "data"))
    if url is None:
        if keep is not None:
            raise FolderUnusable("Only a copy of PostgreSQL is kept; here is a file already.")
        yield path
    elif keep is not None:
        copy_database(url, keep, told)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="sealway-verify-") as folder:
            copy_database(url, Path(folder) / FILE_NAME, told)
            yield Path(folder)


def _settings(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FolderUnusable(f"{file} can't be read: {type(error).__name__}.") from error


def _url(members: dict[str, Any], folder: Path) -> str | None:
    """The database's address: the variable's, the settings', or that in a file they name."""
    if (told := database_url()) is not None:
        return told
    table = members.get("database")
    if table is None:
        return None
    url, file = (table.get("url"), table.get("url_file")) if isinstance(table, dict) else (0, 0)
    if isinstance(url, str):
        return url
    if not isinstance(file, str):
        raise FolderUnusable(f"[database] of {folder / SETTINGS_NAME} names neither url nor file.")
    try:
        with (folder / Path(file).expanduser()).open("rb") as opened:
            return opened.read(URL_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FolderUnusable(f"{file} can't be read: {type(error).__name__}.") from error

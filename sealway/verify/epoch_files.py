"""Epoch keys from files named `epoch-<n>`, 32 bytes each, as `keys/` holds them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from signing.at_rest import KEY_BYTES, EpochKeys

_NAME: Final = re.compile(r"epoch-([1-9][0-9]{0,8})")


class EpochFileInvalid(Exception):
    """A file that is no epoch key; the text says why."""


def load_epoch_files(paths: Iterable[Path]) -> EpochKeys | None:
    """The keys in these files, by the numbers in their names; None when there are no files.

    Raises:
        EpochFileInvalid: another name, another length, or a file that can't be read.
    """
    keys: dict[int, bytes] = {}
    for path in paths:
        name = _NAME.fullmatch(path.name)
        if name is None:
            raise EpochFileInvalid(f"{path}: an epoch key's file is named epoch-1, epoch-2 …")
        try:
            with path.open("rb") as file:
                key = file.read(KEY_BYTES + 1)
        except OSError as error:
            raise EpochFileInvalid(f"{path}: {error.strerror}") from error
        if len(key) != KEY_BYTES:
            raise EpochFileInvalid(f"{path}: an epoch key has {KEY_BYTES} bytes.")
        keys[int(name[1])] = key
    return EpochKeys(max(keys), keys) if keys else None

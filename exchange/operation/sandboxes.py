"""`serve --sandbox`: a folder for a sandbox, made when there is none.

Refuses to make a sandbox of a bus that is none: its name is in everything it has signed.
"""

import time
from pathlib import Path
from typing import Final

from exchange.operation.settings import FILE_NAME, SettingsInvalid, load_settings

BUS: Final = "sandbox.example"
PORT: Final = 8480


def sandbox_folder(folder: Path, port: int | None = None) -> None:
    """Make the folder of a sandbox, or see that it is one's.

    Raises:
        SettingsInvalid: it is the folder of a bus that is no sandbox.
        AlreadyInitialised: it holds a part of a bus.
    """
    if not (folder / FILE_NAME).exists():
        from exchange.operation.initialise import Names, initialise

        names = Names(BUS, "sandbox", port or PORT, sandbox=True)
        initialise(folder, names, time.time_ns() // 1_000_000)
    elif load_settings(folder / FILE_NAME).sandbox is None:
        raise SettingsInvalid(
            [f"The bus of {folder} is no sandbox, and can't become one; choose another folder."]
        )

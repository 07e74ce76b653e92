"""Files with secrets outside the bus: a system's private key, a token, an adapter's password.

Owns the look at who else may read one. Refuses to forbid it, like the bus with its own keys: some
orchestrators mount secrets so. A witness refuses; its key is worth nothing once it is another's.
"""

import logging
import os
import stat
from functools import cache
from pathlib import Path

log = logging.getLogger("sealway")


@cache
def warn_if_open(path: Path) -> None:
    """Say, once a process for each file, that others on this machine may read or write it.

    Raises:
        OSError: the file can't be looked at.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        log.warning("key.open_to_others: %s has mode %04o; chmod 600 it.", path, mode)

"""Logs by number and name: `<bus>/log/<n>`; the successors of log 0 have the numbers -1, -2 …"""

import re
from typing import Final

NUMBER_MAX: Final = 2**31 - 1
SUCCESSIONS_MAX: Final = 999_999

_LOG = re.compile(r"(.+)/log/(0|[1-9][0-9]{0,9})(?:\.([1-9][0-9]{0,5}))?")


def log_name(n: int) -> str:
    """`0`, `7`; `0.1` for -1."""
    return str(n) if n >= 0 else f"0.{-n}"


def origin_of(bus: str, n: int) -> str:
    """A log's origin."""
    return f"{bus}/log/{log_name(n)}"


def bus_and_number(origin: str) -> tuple[str, int] | None:
    """The bus and the number that an origin names; None when it is none of a log."""
    found = _LOG.fullmatch(origin)
    if found is None or (found[3] is not None and found[2] != "0"):
        return None
    return found[1], -int(found[3]) if found[3] is not None else int(found[2])

"""What a process does on a bus of several: it answers HTTP, or delivers, or both."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """One of the two; the embedded bus always plays both."""

    GATEWAY = "gateway"
    """HTTP in, accept, wait for answers."""
    DELIVER = "deliver"
    """Read the bus, call adapters, sweep what is due, expire."""


BOTH: Final = frozenset(Role)

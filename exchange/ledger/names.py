"""What logs are called: ``<bus>/log/<name>``, and the number that stands for the name in tables.

Traffic logs have the numbers from 1 on. The directory log is 0; its successors after a restore,
``0.1``, ``0.2`` …, have the numbers −1, −2 ….
"""

import re
from collections.abc import Iterable
from typing import Final

from exchange.storage.rows import ShardHead

_TRAFFIC_OR_ZERO: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_SUCCESSOR: Final = re.compile(r"0\.([1-9][0-9]{0,9})", re.ASCII)


def log_name(number: int) -> str:
    """The name of a log: ``7``, ``0``, ``0.1``."""
    return str(number) if number >= 0 else f"0.{-number}"


def number_of(name: str) -> int | None:
    """The number of a log's name; None for what is no such name."""
    if _TRAFFIC_OR_ZERO.fullmatch(name):
        return int(name)
    successor = _SUCCESSOR.fullmatch(name)
    return None if successor is None else -int(successor[1])


def origin_of(bus: str, number: int) -> str:
    """The origin that stands in a log's checkpoints."""
    return f"{bus}/log/{log_name(number)}"


def directory_number(heads: Iterable[ShardHead]) -> int:
    """The number of the directory log in force: the latest successor that is open.

    Without any open one it is the latest there is, frozen: nothing is written, reading goes on.
    """
    logs = [head for head in heads if head.shard <= 0]
    is_open = [head.shard for head in logs if head.state == "open"]
    return min(is_open or [head.shard for head in logs] or [0])

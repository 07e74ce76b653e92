"""Where a log's record says that it ends: behind the last leaf that counts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from exchange.ledger.shards import empty_head
from exchange.operation.opening import record_end

HEAD = empty_head(4, "sx.example/log/4")


class Log:
    """Takes down what is recorded."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, bytes]] = []

    async def close_shard(
        self, head: Any, key: str, holder: str, state: str, signed: tuple[int, bytes]
    ) -> None:
        self.ends.append(signed)


def place(signed: tuple[int, bytes] | None) -> Any:
    keys = SimpleNamespace(needed=lambda number: SimpleNamespace(verifier="key"))
    settings = SimpleNamespace(bus="sx.example")
    return SimpleNamespace(keys=keys, settings=settings, signed=lambda head: signed)


@pytest.mark.parametrize(
    ("signed", "end"),
    [
        (None, (0, HEAD.root)),
        ((5, b"of five"), (5, b"of five")),
        ((0, HEAD.root), (0, HEAD.root)),
    ],
)
async def test_a_log_ends_where_it_was_signed(
    signed: tuple[int, bytes] | None, end: tuple[int, bytes]
) -> None:
    log: Any = Log()
    await record_end(place(signed), log, HEAD, "frozen")
    assert log.ends == [end]


async def test_a_group_that_was_committed_and_not_yet_signed_counts() -> None:
    log: Any = Log()
    await record_end(place((5, b"of five")), log, replace(HEAD, size=6, root=b"of six"), "closed")
    assert log.ends == [(6, b"of six")]

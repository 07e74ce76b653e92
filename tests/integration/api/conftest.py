"""Each test has a bus of its own, wired as the real one, behind its HTTP application."""

from collections.abc import AsyncIterator

import pytest

from tests.support.bus import RunningBus, initialised, running, stopped
from tests.support.http import Edge, edge_of

__all__ = ["edge", "initialised", "running", "stopped"]


@pytest.fixture
async def edge(running: RunningBus) -> AsyncIterator[Edge]:
    """The application, called without sockets."""
    made = edge_of(running)
    async with made.http:
        yield made

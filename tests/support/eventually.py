"""Waiting in a test for what comes by itself."""

import asyncio
from collections.abc import Callable

LOOK_S = 0.01


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Return once it holds; TimeoutError when it doesn't in time."""
    async with asyncio.timeout(within_s):
        while True:
            if condition():
                return
            await asyncio.sleep(LOOK_S)

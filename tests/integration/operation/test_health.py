"""The small listener of a process without an API tells the truth, as a gateway does."""

import asyncio
import os
import signal

import httpx
import pytest

from exchange.operation.health import listen
from exchange.operation.ports import PortTaken


async def test_it_answers_as_a_gateway_does() -> None:
    async with listen("127.0.0.1", 0, lambda: None) as port, httpx.AsyncClient() as client:
        at = f"http://127.0.0.1:{port}"
        alive, ready = await client.get(f"{at}/livez"), await client.get(f"{at}/readyz")
    assert (alive.status_code, alive.json()) == (200, {"state": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"state": "ready"})


async def test_it_gives_the_reason_for_not_being_ready_at_that_moment() -> None:
    reasons = iter(["The log is behind.", None])
    asked = listen("127.0.0.1", 0, lambda: next(reasons), "https://bus.example/")
    async with asked as port, httpx.AsyncClient() as client:
        at = f"http://127.0.0.1:{port}/readyz"
        frozen, ready = await client.get(at), await client.get(at)
    assert frozen.status_code == 503
    assert frozen.headers["content-type"] == "application/problem+json"
    assert frozen.headers["retry-after"] == "2"
    problem = frozen.json()
    assert (problem["code"], problem["detail"]) == ("not-ready", "The log is behind.")
    assert problem["type"] == "https://bus.example/problems/not-ready"
    assert ready.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/messages", 404), ("POST", "/readyz", 405), ("HEAD", "/livez", 200)],
)
async def test_it_answers_nothing_else(method: str, path: str, status: int) -> None:
    async with listen("127.0.0.1", 0, lambda: None) as port, httpx.AsyncClient() as client:
        reply = await client.request(method, f"http://127.0.0.1:{port}{path}")
    assert reply.status_code == status


async def test_its_port_is_free_again_afterwards() -> None:
    async with listen("127.0.0.1", 0, lambda: None) as port:
        with pytest.raises(PortTaken, match="health_port"):
            async with listen("127.0.0.1", port, lambda: None):
                pass
    async with listen("127.0.0.1", port, lambda: None) as again:
        assert again == port


async def test_signals_stay_the_process_own() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    try:
        async with listen("127.0.0.1", 0, lambda: None) as port, httpx.AsyncClient() as client:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(told.wait(), 5)
            assert (await client.get(f"http://127.0.0.1:{port}/livez")).status_code == 200
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)

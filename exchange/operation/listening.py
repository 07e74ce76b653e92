"""A small HTTP listener beside a process's work: one application, on an address of its own.

Owns the port and the server. Refuses to know what is answered. Invariant: it takes no signal;
whoever opened it closes it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

from exchange.api.asgi import AsgiApp
from exchange.operation.ports import take_port

CONNECTIONS_MAX: Final = 64  # an orchestrator, or Prometheus, asks once in a few seconds
KEEPALIVE_S: Final = 5


@asynccontextmanager
async def listening(app: AsgiApp, host: str, port: int, setting: str) -> AsyncIterator[int]:
    """Answer on this address for as long as the block runs; gives the port.

    Raises:
        PortTaken: the address can't be listened on; `setting` is the key that names the port.
    """
    taken = take_port(host, port, setting)
    server = _Server(_config(app))
    task = asyncio.create_task(server.serve(sockets=[taken]), name=setting)
    try:
        await server.is_up.wait()
        yield taken.getsockname()[1]
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        taken.close()


def _config(app: AsgiApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEPALIVE_S,
        timeout_graceful_shutdown=1,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when connections are taken."""
        await super().startup(sockets)
        self.is_up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield

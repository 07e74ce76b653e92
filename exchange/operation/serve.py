"""A process of the bus in its roles: behind its HTTP server, or delivering, until SIGTERM."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn

from exchange.api.app import create_app
from exchange.api.protocol import limited_protocol
from exchange.delivery.waiting import Waiting
from exchange.operation.health import listen
from exchange.operation.listening import listening
from exchange.operation.metrics import registry_of
from exchange.operation.metrics_app import metrics_app
from exchange.operation.roles import BOTH, Role
from exchange.operation.settings import Settings
from exchange.operation.wiring import Bus, open_bus

KEEPALIVE_S = 75  # longer than common proxies keep idle connections, so that they close first
GC_ALLOCATIONS = 20_000  # net new containers between two collections: a few hundred exchanges
LIBRARY_TEXT_MAX = 500  # characters of a library's own line
BACKLOG = 2048  # connections the kernel queues while we are busy


def configure_logging() -> None:
    """One line of JSON an event, on standard error; never payloads, keys or tokens."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(handlers=[_OfLibraries()], level=logging.WARNING, force=True)


class _OfLibraries(logging.Handler):
    """Puts what libraries log on our stream, in our form: one line of JSON, without a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """One record; an exception's own text stays out, because nobody knows what it quotes."""
        text = record.getMessage().partition("\n")[0]
        level = record.levelname.lower()
        structlog.get_logger().warning(
            "library.said", library=record.name, level_there=level, text=text[:LIBRARY_TEXT_MAX]
        )


def _calm_the_collector() -> None:
    """Leave what lives as long as the process out of garbage collection, and collect less often.

    Messages in flight are freed by their reference counts; cycles are few and small. Seen in a
    profile: the collector took some 3 % of a busy bus.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)


class DrainingServer(uvicorn.Server):
    """A server that lets long polls go as soon as it is told to stop."""

    def __init__(
        self, config: uvicorn.Config, waiting: Waiting, announce: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._waiting = waiting
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say that the bus is there once it can be reached."""
        await super().startup(sockets)
        if self.started:
            self._announce()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal to end as that, and no more: uvicorn would raise it again on leaving.

        That would end the process before the bus has written its last heads leaf.
        """
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer those who wait with the state as it is, then drain as uvicorn does."""
        self._waiting.release()
        await super().shutdown(sockets)


async def serve(settings: Settings, roles: frozenset[Role] = BOTH) -> None:
    """Play these roles until told to stop, then drain.

    Raises:
        SealwayError: the bus can't start; the error says why.
    """
    bus = await open_bus(settings, roles)
    _calm_the_collector()
    log = structlog.get_logger()
    try:
        about = {
            "bus": settings.bus,
            "roles": sorted(roles),
            "url": settings.public_url,
            "logs": {writer.head.origin: writer.head.size for writer in bus.writers()},
            "durability": await bus.store.durability(),
        }

        def announce() -> None:
            if (reason := bus.api.why_not_ready()) is None:
                log.info("bus.ready", **about)
            else:
                log.error("bus.frozen", reason=reason, **about)

        async with _watchable(settings, bus):
            if Role.GATEWAY in roles:
                await DrainingServer(_http(settings, bus), bus.api.waiting, announce).serve()
            else:
                await _until_told(settings, bus, announce)
    finally:
        await bus.close()
        log.info("bus.stopped")


@asynccontextmanager
async def _watchable(settings: Settings, bus: Bus) -> AsyncIterator[None]:
    """Answer /metrics for as long as the block runs, where the settings say so."""
    if settings.metrics_port is None:
        yield
        return
    app = metrics_app(registry_of(bus.watched), settings.public_url)
    async with listening(app, settings.metrics_host, settings.metrics_port, "metrics_port"):
        yield


def _http(settings: Settings, bus: Bus) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(bus.api),
        host=settings.host,
        port=settings.port,
        loop="none",
        http=limited_protocol(
            settings.public_url, settings.limits.header_bytes_max, settings.limits.header_s_max
        ),
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEPALIVE_S,
        timeout_graceful_shutdown=int(settings.delivery.drain_s),
        backlog=BACKLOG,
    )


async def _until_told(settings: Settings, bus: Bus, announce: Callable[[], None]) -> None:
    """Tell how the process is, until SIGTERM or SIGINT."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    async with listen(
        settings.health_host,
        settings.health_port,
        bus.api.why_not_ready,
        base_url=settings.public_url,
        standing=bus.api.standing,
    ):
        announce()
        await told.wait()


def run(settings: Settings, roles: frozenset[Role] = BOTH) -> None:
    """`serve` on uvloop, from a synchronous caller."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, roles))

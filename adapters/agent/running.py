"""An agent as a process: made from its settings, listening, answering, drained when told to stop.

Owns what is made from what, the port and the signals. Order at the end: no new leases and no new
connections; who waits for an answer is told where it will be; what is in hand is finished, for
`limits.drain_s`; then leases are released.
"""

import asyncio
import json
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvicorn

from adapters.agent.answering import Answering
from adapters.agent.app import AgentApp
from adapters.agent.asking import Questions
from adapters.agent.receipts import ReceiptBook
from adapters.agent.settings import AgentSettings
from adapters.base import Adapter
from adapters.egress import Egress
from adapters.errors import AdapterSettingsInvalid
from adapters.plugins import load
from adapters.settings import read_secret
from sealway.async_connection import AsyncConnection, AsyncSystemClock
from sealway.conversation import Conversation
from sealway.credentials import SystemCredentials, identity_of
from sealway.errors import SdkError
from sealway.profile import Profile
from sealway.steps import Call, object_of
from sealway.trust import Trust
from signing.encoding import format_time

TOKEN_CHARS_MIN: Final = 32  # a shorter one could be guessed
HEADER_BYTES_MAX: Final = 16 * 1024  # a question has a handful of short headers
KEEPALIVE_S: Final = 30
LOOK_S: Final = 5.0  # how long what was seen of the bus counts for /readyz
LOOK_TIMEOUT_S: Final = 2.0

log = logging.getLogger("sealway.agent")


class JsonLines(logging.Formatter):
    """One line of JSON an event; never an exception's own text, which may quote content."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        event, _, about = record.getMessage().partition(": ")
        told = {
            "event": event,
            "about": about,
            "level": record.levelname.lower(),
            "timestamp": format_time(int(record.created * 1000)),
        }
        return json.dumps({name: value for name, value in told.items() if value})


def configure_logging() -> None:
    """Our events on standard error; of libraries, only what is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    log.setLevel(logging.INFO)


@dataclass
class Look:
    """What was seen of the bus, and when."""

    at_s: float = -LOOK_S
    reason: str | None = None


class Agent:
    """One agent's parts, wired."""

    def __init__(
        self,
        settings: AgentSettings,
        profile: Profile,
        connection: AsyncConnection,
        book: ReceiptBook,
        adapters: dict[str, Adapter],
    ) -> None:
        talk = Conversation(identity_of(profile), Trust.of(profile), connection.clock)
        self._profile = profile
        self._connection = connection
        self._book = book
        self._look = Look()
        self.settings = settings
        self.questions = Questions(talk, connection, book)
        by_service = {service: adapters[name] for service, name in settings.serves.items()}
        self.answering = Answering(talk, connection, book, by_service, settings.mailbox)
        self.app = AgentApp(settings, self.questions, self.reasons, profile.url, _token(settings))

    async def reasons(self) -> list[str]:
        """Why the agent can't do its work now; empty when it can."""
        found = [await self._look_at_the_bus()]
        if self._book.trouble is not None:
            found.append(f"Receipts can't be kept: {self._book.trouble}.")
        if self.settings.serves and self.answering.trouble is not None:
            found.append(f"The mailbox can't be leased from: {self.answering.trouble}.")
        return [reason for reason in found if reason]

    async def _look_at_the_bus(self) -> str | None:
        now_s = self._connection.clock.elapsed_s()
        if now_s - self._look.at_s >= LOOK_S:
            self._look = Look(now_s, await self._seen())
        return self._look.reason

    async def _seen(self) -> str | None:
        call = Call("GET", "/.well-known/sealway", timeout_s=LOOK_TIMEOUT_S, bearer=False)
        try:
            about = object_of(await self._connection.call(call))
        except SdkError as error:
            return f"The bus: {error.detail}"
        if about.get("bus") != self._profile.bus:
            return "Another bus answers at the profile's url."
        return None


@asynccontextmanager
async def opened(settings: AgentSettings, transport: Any = None) -> AsyncIterator[Agent]:
    """An agent with its files, adapters and connection, let go of at the end.

    Raises:
        AdapterSettingsInvalid: an adapter's table, a secret, the receipts' folder.
        ProfileInvalid: no such profile, or one that can't be used.
    """
    profile = settings.load_profile()
    identity, clock = identity_of(profile), AsyncSystemClock()
    async with AsyncExitStack() as stack:
        book = ReceiptBook(settings.folder / settings.receipts, clock.now_ms)
        book.open()
        stack.callback(book.close)
        credentials = SystemCredentials(identity, clock)
        connection = AsyncConnection(profile.url, credentials, clock=clock, transport=transport)
        stack.push_async_callback(connection.close)
        adapters = await _start_adapters(settings, stack)
        yield Agent(settings, profile, connection, book, adapters)


async def _start_adapters(settings: AgentSettings, stack: AsyncExitStack) -> dict[str, Adapter]:
    adapters: dict[str, Adapter] = {}
    if not settings.adapters:
        return adapters
    ca_file = settings.egress.ca_file
    egress = Egress(
        settings.egress.hosts, ca_file=None if ca_file is None else settings.folder / ca_file
    )
    stack.push_async_callback(egress.close)
    for name, table in settings.adapters.items():
        kind = table.get("kind")
        if not isinstance(kind, str):
            raise AdapterSettingsInvalid(f"[adapters.{name}] needs a kind, like sql or rest.")
        adapter = load(kind).from_settings(name, table, egress, folder=settings.folder)
        await adapter.start()
        stack.push_async_callback(adapter.close)
        adapters[name] = adapter
    return adapters


def _token(settings: AgentSettings) -> str | None:
    file = settings.listen.token_file
    if file is None:
        return None
    token = read_secret(file, settings.folder).get_secret_value()
    if len(token) < TOKEN_CHARS_MIN or not token.isascii() or len(token.split()) != 1:
        raise AdapterSettingsInvalid(
            f"The token in {file} must be one word of at least {TOKEN_CHARS_MIN} ASCII characters."
        )
    return token


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `run`."""
        yield


def _server(agent: Agent) -> _Server:
    limits = agent.settings.limits
    return _Server(
        uvicorn.Config(
            agent.app,
            loop="none",
            http="h11",
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            ws="none",
            lifespan="off",
            access_log=False,
            proxy_headers=False,
            log_config=None,
            server_header=False,
            limit_concurrency=limits.connections_max,
            timeout_keep_alive=KEEPALIVE_S,
            timeout_graceful_shutdown=int(limits.drain_s) + 1,
        )
    )


def take_port(settings: AgentSettings) -> socket.socket:
    """The address to listen on. Raises AdapterSettingsInvalid."""
    host, port = settings.listen.host, settings.listen.port
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        what = f"{host}:{port} can't be listened on ({error.strerror}); stop what does, or choose"
        raise AdapterSettingsInvalid(f"{what} another with --port or listen.port.") from error
    return taken


async def serve(settings: AgentSettings, told: asyncio.Event, transport: Any = None) -> None:
    """Be the agent until `told`, then drain. Raises as `opened`, before anything is listened on."""
    async with opened(settings, transport) as agent:
        taken = take_port(settings)
        server = _server(agent)
        listening = asyncio.create_task(server.serve(sockets=[taken]), name="listener")
        tasks = [listening]
        if settings.serves:
            tasks.append(asyncio.create_task(agent.answering.run(), name="mailbox"))
        await server.is_up.wait()
        host, port = taken.getsockname()[:2]
        serves = ",".join(sorted(settings.serves)) or "-"
        log.info("agent.ready: http://%s:%d as %s serves %s", host, port, settings.profile, serves)
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        agent.questions.stop()
        agent.answering.stop()
        server.should_exit = True
        _, late = await asyncio.wait(tasks, timeout=settings.limits.drain_s)
        if late:
            await agent.answering.give_up()
            server.force_exit = True
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception):
                log.error("agent.failed: %s", type(error).__name__)
                raise error
        log.info("agent.stopped")


def run(settings: AgentSettings) -> None:
    """`serve` until SIGTERM or Ctrl-C, from a synchronous caller."""

    async def until_told() -> None:
        told, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        await serve(settings, told)

    configure_logging()
    asyncio.run(until_told())

"""The ground a process stands on: keys, store, log 0 and the directory, what is known elsewhere.

Made before anything runs, and the same for every role and engine; `wiring` builds on it. Each step
pushes its own end on the stack.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import structlog

from exchange.acceptance.changes import DirectoryLog
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Recorder
from exchange.acceptance.stored import OpenedMessages
from exchange.bus.kafka.checkpoints import KafkaBoard
from exchange.bus.port import BusError, CheckpointBoard, NoBoard
from exchange.delivery.answers import HostedKeys
from exchange.ledger.log_writer import Clock
from exchange.ledger.marks import Marks
from exchange.operation.engines import brokers, database_address
from exchange.operation.initialise import MARKS
from exchange.operation.key_files import load_bus_signer, load_epoch_keys, load_signer
from exchange.operation.log_keys import LogKeys
from exchange.operation.makers import Makers
from exchange.operation.opening import (
    Place,
    begin_log_zero,
    first_leaves,
    freeze_all,
    open_directory,
    raise_epoch,
)
from exchange.operation.sandbox_keys import SandboxKeys
from exchange.operation.settings import Settings
from exchange.operation.tracing.beginning import start_tracing
from exchange.storage.port import LeasedStore
from exchange.storage.postgres.store import PostgresStore
from exchange.storage.sqlite.store import SqliteStore
from signing.at_rest import EpochKeys
from signing.identifiers import SystemId
from signing.keys import Signer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything else is made from."""

    settings: Settings
    stack: AsyncExitStack
    place: Place
    directory_log: DirectoryLog
    directory: DirectoryInForce
    epochs: EpochKeys
    hosted: HostedKeys
    opened: OpenedMessages
    owner: str
    sandbox_keys: SandboxKeys | None = None
    makers: Makers = field(default_factory=Makers)
    """What is made plain, or traced."""

    @property
    def store(self) -> LeasedStore:
        """The database."""
        return self.place.store

    @property
    def recorder(self) -> Recorder:
        """Who signs the bus's records."""
        return self.place.recorder

    @property
    def clock(self) -> Clock:
        """Milliseconds since 1970."""
        return self.place.clock


def name_of_process() -> str:
    """What this process is called in leases: no two that run at once share it."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


async def lay_place(settings: Settings, stack: AsyncExitStack, clock: Clock, owner: str) -> Place:
    """Keys, marks and an open store.

    Raises:
        SettingsInvalid: a file that can't be used.
        StorageInUse, StorageForeign: the database is another process's, or another bus's.
        StorageUnavailable: it can't be reached.
        MarksDamaged: the signer's file can't be read.
    """
    signer, certificate = load_bus_signer(settings.keys)
    recorder = Recorder(signer, load_epoch_keys(settings.keys))
    marks = Marks(settings.state / MARKS)
    stack.callback(marks.close)
    store = await _open_store(settings, owner, clock)
    stack.push_async_callback(store.close)
    keys = LogKeys(settings.keys, settings.bus)
    board = _make_board(settings, keys, stack)
    known = await _known(board)
    return Place(store, settings, keys, marks, recorder, certificate, clock, board, known)


async def lay_ground(settings: Settings, stack: AsyncExitStack, clock: Clock) -> Ground:
    """Everything up to log 0 and the directory. Raises as `lay_place`."""
    owner = name_of_process()
    sandbox_keys = None if settings.sandbox is None else SandboxKeys(settings.keys)
    hosted = _load_hosted(settings, sandbox_keys)
    place = await lay_place(settings, stack, clock, owner)
    makers = await start_tracing(settings, stack)
    if not place.is_shared:
        await begin_log_zero(place)
    directory_log, directory = await open_directory(place)
    stack.push_async_callback(directory_log.writer.close)
    stack.push_async_callback(directory_log.comparer.close)
    if directory_log.writer.failed is not None:
        freeze_all(directory_log.writer.failed, [directory_log.writer])
    elif not place.is_shared:
        await raise_epoch(place.store, directory_log.writer)
        await first_leaves(place, directory_log, directory)
    epochs = load_epoch_keys(settings.keys)
    return Ground(
        settings=settings,
        stack=stack,
        place=place,
        directory_log=directory_log,
        directory=directory,
        epochs=epochs,
        hosted=hosted,
        opened=OpenedMessages(place.store.reads, epochs),
        owner=owner,
        sandbox_keys=sandbox_keys,
        makers=makers,
    )


def _make_board(settings: Settings, keys: LogKeys, stack: AsyncExitStack) -> CheckpointBoard:
    """Where signed checkpoints are told to other machines."""
    if settings.kafka is None:
        return NoBoard()
    board = KafkaBoard(brokers(settings), source=settings.bus, is_genuine=keys.is_genuine)
    stack.push_async_callback(board.close)
    return board


async def _known(board: CheckpointBoard) -> Mapping[str, str]:
    try:
        return await board.read()
    except BusError as error:  # this machine's own marks still hold
        log.warning("checkpoints.unknown", code=error.code)
        return {}


async def _open_store(settings: Settings, owner: str, clock: Clock) -> LeasedStore:
    database = settings.database
    if database is None:
        embedded = SqliteStore(settings.data)
        await embedded.open(settings.bus, settings.instance)
        return embedded
    store = PostgresStore(
        database_address(settings),
        owner,
        lease_ms=int(database.lease_s * 1000),
        connections_max=database.connections_max,
    )
    await store.open(settings.bus, settings.instance, clock())
    return store


def _load_hosted(settings: Settings, sandbox: SandboxKeys | None) -> HostedKeys:
    signers: dict[SystemId, Signer] = {} if sandbox is None else sandbox.signers
    for system, files in settings.hosted.items():
        signers[SystemId(system)] = load_signer(files.key, files.certificate)[0]
    return HostedKeys(signers)

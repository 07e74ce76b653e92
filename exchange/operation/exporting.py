"""What exports and anchors are made from: the heads of all logs, and the maker of bundles."""

from collections.abc import Sequence

from exchange.acceptance.accesses import Accesses
from exchange.acceptance.changes import Heads
from exchange.audit.accesses import Accessed
from exchange.audit.export import Exporter
from exchange.audit.reading import LogReader
from exchange.ledger.logs import Logs
from exchange.operation.ground import Ground
from exchange.operation.held import Held
from exchange.operation.opening import open_heads
from exchange.storage.port import LeasedStore
from exchange.storage.rows import ShardHead


def heads_of(store: LeasedStore, held: Held) -> Heads:
    """Tells the heads of all open traffic logs, what is held here signed first."""

    async def heads() -> Sequence[ShardHead]:
        await held.seal()
        return await open_heads(store)

    return heads


def make_accessed(ground: Ground) -> Accessed:
    """The finder of what people read and took away."""
    writer = ground.directory_log.writer

    def newest() -> tuple[int, int]:
        signed = writer.signed
        return writer.head.shard, 0 if signed is None else signed.size

    return Accessed(
        LogReader(ground.store.reads, ground.opened, ground.epochs), ground.store.reads, newest
    )


def make_exporter(ground: Ground, held: Held, logs: Logs, accesses: Accesses) -> Exporter:
    """The maker of evidence bundles."""
    return Exporter(
        ground.settings.bus,
        LogReader(ground.store.reads, ground.opened, ground.epochs),
        logs,
        ground.directory_log,
        heads_of(ground.store, held),
        accesses,
        ground.recorder.signer,
        ground.clock,
    )

"""The traffic log that this process writes, and whether the process is ready.

Ties the ledger's holding to what opening, putting aside and freezing mean on this bus. One code for
every engine: on SQLite the file's lock stands for the lease, and there is nobody to share with.
"""

import structlog

from exchange.ledger.errors import LedgerError, LogUnavailable
from exchange.ledger.holding import Holding
from exchange.ledger.log_writer import LogWriter
from exchange.ledger.orphans import OnTaken
from exchange.operation.ground import Ground
from exchange.operation.opening import freeze_all, freeze_shard, open_another, open_heads
from exchange.operation.rounds import Days, DirectoryWatch
from exchange.storage.rows import ShardHead

log = structlog.get_logger()


class Held:
    """The log in hand, with its end."""

    def __init__(self, ground: Ground, on_taken: OnTaken) -> None:
        self._directory = ground.directory_log.writer
        self._frozen: LedgerError | None = None
        place, directory_log = ground.place, ground.directory_log

        async def another() -> int:
            number = await open_another(place, directory_log)
            await directory_log.write_heads(lambda: open_heads(place.store))
            log.info("log.opened", log=place.keys.origin(number))
            return number

        async def put_aside(head: ShardHead, reason: LedgerError) -> None:
            log.critical("log.frozen", log=head.origin, reason=reason.detail)
            await freeze_shard(place, directory_log, head)

        database = ground.settings.database
        self.log = Holding(
            ground.store,
            place.writer,
            place.keys.numbers,
            another,
            put_aside,
            on_taken,
            database.lease_s if database is not None else None,
        )

    async def start(self) -> None:
        """Take a log, and keep it."""
        await self.log.start()

    async def stop(self) -> None:
        """Sign what is committed, and give the log back."""
        await self.log.stop()

    async def seal(self) -> None:
        """Sign everything that is committed here; nothing to do while no log is held."""
        try:
            writer = self.log.writer
        except LogUnavailable:
            return
        if writer.head.size:
            await writer.seal(writer.head.size)

    def freeze(self, reason: LedgerError) -> None:
        """Log 0 is behind what was signed: nothing is accepted or changed here any more."""
        self._frozen = freeze_all(reason, [self._directory, *self._writers()])

    def and_directory(self) -> list[LogWriter]:
        """The logs that this process writes."""
        return [self._directory, *self._writers()]

    def _writers(self) -> list[LogWriter]:
        try:
            return [self.log.writer]
        except LogUnavailable:
            return []

    def why_not(self) -> str | None:
        """Why nothing can be accepted here; None when it can."""
        failed = self._frozen or self._directory.failed
        if failed is not None:
            return failed.detail
        try:
            failed = self.log.writer.failed
        except LogUnavailable as error:
            failed = error
        return failed.detail if failed is not None else None


class Readiness:
    """Whether this process can do its work now, and the one sentence when it can't."""

    def __init__(self, held: Held, watch: DirectoryWatch) -> None:
        self._held = held
        self.watch = watch
        self.days: Days | None = None

    def why_not(self) -> str | None:
        """A sentence, or None."""
        trouble = self._held.why_not() or self.watch.trouble
        return trouble or (self.days.trouble if self.days is not None else None)

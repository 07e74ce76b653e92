"""Which log a process writes its traffic to, as its committer and its receipts see it."""

from typing import Protocol

from exchange.ledger.errors import LogUnavailable
from exchange.ledger.log_writer import LogWriter


class LogHeld(Protocol):
    """The one traffic log that this process holds."""

    @property
    def writer(self) -> LogWriter:
        """Its writer. Raises LogUnavailable while none is held."""

    async def again(self, lost: LogWriter) -> LogWriter:
        """After a lost log, or a commit in doubt: the writer to go on with.

        Harmless to repeat for the same ``lost``.

        Raises:
            LogUnavailable: no log can be had now.
        """

    def relayed(self, shard: int, end: int) -> None:
        """Entries of a log before ``end`` are with the bus; ignored for what isn't held here."""


class FixedLog:
    """The one log of an embedded bus: the store's file lock stands for the lease."""

    def __init__(self, writer: LogWriter) -> None:
        self.writer = writer

    async def again(self, lost: LogWriter) -> LogWriter:
        """There is no other log: this one is frozen. Raises LogUnavailable."""
        reason = LogUnavailable("This process no longer holds the log; ask again.")
        lost.freeze(reason)
        raise reason

    def relayed(self, shard: int, end: int) -> None:
        """Entries before ``end`` are with the bus."""
        if shard == self.writer.head.shard:
            self.writer.relayed(end)

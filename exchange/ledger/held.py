"""Which log a process writes its traffic to, as its committer and its receipts see it."""

from typing import Protocol

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

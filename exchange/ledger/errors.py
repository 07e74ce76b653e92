"""What the ledger refuses.

SealwayError
└── LedgerError
    ├── LogUnavailable   nothing was recorded
    ├── LogLost          another process writes the log now, or wrote to it
    ├── DirectoryChanged the directory moved on after the checks
    ├── OutcomeUnknown   recorded perhaps, and not signed
    ├── BusBacklogged    too much is waiting to be recorded
    ├── LogBehind        the database is behind what was signed
    ├── MarksDamaged     the signer's mark file can't be read
    ├── MarkMoved        another process of this machine signed meanwhile
    ├── MessageIdReused, AlreadyAnswered, AnswerLate, AnswerNotExpected, ExchangeCancelled
    ├── NothingToCancel  the exchange is over as a cancel wants it; answered 200
    ├── QuotaExceeded    the recipient's mailbox is full
    └── MailboxFull      the consumer leaves too many answers in its own
"""

from signing.errors import SealwayError


class LedgerError(SealwayError):
    """The branch of the ledger."""

    code = "log-unavailable"


class LogUnavailable(LedgerError):
    """The log can't be written; what was asked is surely not recorded."""


class BusBacklogged(LedgerError):
    """More waits to be recorded than the limit allows."""

    code = "bus-backlogged"


class LogBehind(LedgerError):
    """The database is behind a checkpoint that was signed: a restored or lagging copy."""


class MarksDamaged(LedgerError):
    """The mark file is unreadable, so nothing may be signed."""


class MessageIdReused(LedgerError):
    """This id was accepted before, for another message."""

    code = "message-id-reused"


class AnswerNotExpected(LedgerError):
    """No open request matches this answer; one code for every reason."""

    code = "answer-not-expected"


class AlreadyAnswered(LedgerError):
    """The exchange has its answer."""

    code = "already-answered"


class AnswerLate(LedgerError):
    """The exchange expired before this answer came."""

    code = "answer-late"


class ExchangeCancelled(LedgerError):
    """The consumer cancelled the exchange."""

    code = "exchange-cancelled"


class NothingToCancel(LedgerError):
    """The exchange has ended without an answer; the caller is told how, and nothing is recorded."""

    code = "exchange-cancelled"

    def __init__(self, state: str) -> None:
        super().__init__("The exchange has ended without an answer.")
        self.state = state


class QuotaExceeded(LedgerError):
    """The recipient's mailbox holds as many messages as it may."""

    code = "quota-exceeded"

    def __init__(self, detail: str, *, depth: int) -> None:
        super().__init__(detail, depth=depth)
        self.depth = depth
        """How many messages wait there, as the sender is told."""


class MailboxFull(LedgerError):
    """The consumer has left as many answers in its mailbox as may wait there."""

    code = "mailbox-full"

    def __init__(self, detail: str, *, depth: int) -> None:
        super().__init__(detail, depth=depth)
        self.depth = depth
        """How many answers wait there, as the consumer is told."""

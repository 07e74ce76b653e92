"""What acceptance refuses beyond what signing, registry, schemas and ledger refuse themselves."""

from signing.errors import SealwayError


class AcceptanceError(SealwayError):
    """The branch of acceptance."""

    code = "not-allowed"


class MessageStale(AcceptanceError):
    """The id's own time is too far back."""

    code = "message-stale"


class MessageFromTheFuture(AcceptanceError):
    """The id's own time is too far ahead."""

    code = "message-from-the-future"


class MessageExpired(AcceptanceError):
    """``expires`` has passed."""

    code = "message-expired"


class NotOffered(AcceptanceError):
    """A kind or form that this bus does not offer yet; `/.well-known/sealway` says what it does."""

    code = "unsupported-version"


class RateExceeded(AcceptanceError):
    """More messages a second from one system than the limit."""

    code = "rate-exceeded"


class PartTooLarge(AcceptanceError):
    """A part beyond the limit."""

    code = "part-too-large"


class BodyTypeUnsupported(AcceptanceError):
    """A part of a media type that its schema can't check."""

    code = "body-type-unsupported"

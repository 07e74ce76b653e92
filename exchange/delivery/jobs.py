"""One delivery in hand: the request in memory, and how often it was tried."""

from exchange.acceptance.stored import OpenedMessage
from exchange.storage.rows import DeliveryState, StoredDelivery
from signing.encoding import b64url_encode
from signing.identifiers import message_id_bytes
from signing.manifest import Digest, Manifest
from signing.message import Parts
from signing.values import value_type


@value_type
class Job:
    """A request to hand over; ``attempt`` counts from 1."""

    message: OpenedMessage
    attempt: int
    misbehaved: int
    interrupted: bool
    """An earlier attempt began and nobody wrote down how it ended."""
    answer_by_ms: int | None = None
    """Until when an answer is accepted, where acceptance told it."""

    @property
    def id(self) -> bytes:
        """The 16 bytes of the request's id."""
        return message_id_bytes(self.message.manifest.id)

    @property
    def manifest(self) -> Manifest:
        """The request's manifest."""
        return self.message.manifest

    @property
    def digest(self) -> Digest:
        """What an answer names as ``about``."""
        return self.message.digest

    @property
    def parts(self) -> Parts:
        """The request's parts."""
        return self.message.parts

    @property
    def leaf_hash(self) -> bytes:
        """The hash of the request's leaf."""
        return self.message.place.leaf_hash

    @property
    def ref(self) -> str:
        """The leaf hash of the request, as answers' leaves name it."""
        return b64url_encode(self.leaf_hash)


def job_of_row(row: StoredDelivery, message: OpenedMessage) -> Job:
    """The next attempt of a delivery that a sweep claimed."""
    interrupted = row.attempt > 0 and row.state is DeliveryState.IN_FLIGHT
    return Job(message, row.attempt + 1, row.misbehaved, interrupted)

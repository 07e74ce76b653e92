"""One delivery in hand: the request in memory, and how often it was tried."""

from dataclasses import dataclass

from exchange.acceptance.accept import Taken
from exchange.acceptance.stored import OpenedMessage
from exchange.storage.rows import DeliveryState, StoredDelivery
from signing.encoding import b64url_encode
from signing.identifiers import message_id_bytes
from signing.manifest import Digest, Manifest
from signing.message import Parts


@dataclass(frozen=True, slots=True)
class Job:
    """A request to hand over; ``attempt`` counts from 1."""

    id: bytes
    manifest: Manifest
    digest: Digest
    parts: Parts
    leaf_hash: bytes
    attempt: int
    misbehaved: int
    interrupted: bool
    """An earlier attempt began and nobody wrote down how it ended."""

    @property
    def ref(self) -> str:
        """The leaf hash of the request, as answers' leaves name it."""
        return b64url_encode(self.leaf_hash)


def job_of_taken(taken: Taken, leaf_hash: bytes) -> Job:
    """The first attempt of a request that has just been committed."""
    envelope = taken.arrival.envelope
    id_ = message_id_bytes(envelope.manifest.id)
    return Job(id_, envelope.manifest, envelope.digest, taken.parts, leaf_hash, 1, 0, False)


def job_of_row(row: StoredDelivery, message: OpenedMessage) -> Job:
    """The next attempt of a delivery that a sweep claimed."""
    return Job(
        row.id,
        message.manifest,
        message.digest,
        message.parts,
        message.place.leaf_hash,
        row.attempt + 1,
        row.misbehaved,
        row.attempt > 0 and row.state is DeliveryState.IN_FLIGHT,
    )

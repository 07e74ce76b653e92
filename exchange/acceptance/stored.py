"""Opening what is stored: envelopes, content, and the places of leaves.

The bytes were verified before they were stored and are sealed since, so they are decoded here
and not verified again.
"""

from dataclasses import dataclass

from exchange.ledger.entries import Placed
from exchange.ledger.shards import read_leaves
from exchange.storage.port import Reads
from exchange.storage.rows import StoredMessage, StoredRefusal
from signing.at_rest import (
    EpochKeys,
    SealedContent,
    SealedEnvelope,
    StoredInvalid,
    open_content,
    open_envelope,
)
from signing.encoding import b64url_encode
from signing.jws import MESSAGE, decode_jws
from signing.log.leaf import parse_leaf
from signing.log.merkle import leaf_hash
from signing.manifest import Digest, Manifest, parse_manifest
from signing.message import Parts, encode_frame
from signing.values import value_type


@dataclass(frozen=True, slots=True)
class OpenedEnvelope:
    """A stored envelope, opened."""

    raw: bytes
    manifest: Manifest
    digest: Digest
    leaf_salt: bytes


@value_type
class OpenedMessage:
    """A stored message, opened, with the place of its leaf."""

    envelope: bytes
    manifest: Manifest
    digest: Digest
    parts: Parts
    place: Placed

    @property
    def frame(self) -> bytes:
        """The message's frame."""
        return encode_frame(self.envelope, self.parts)


@dataclass(frozen=True, slots=True)
class OpenedRefusal:
    """A refused envelope, opened, with the place of its refusal's leaf."""

    envelope: bytes
    place: Placed
    sender: str | None
    """Whose certificate had signed it, as the leaf says."""


class OpenedMessages:
    """Reads messages back and opens them with the epoch keys."""

    def __init__(self, reads: Reads, epochs: EpochKeys) -> None:
        self._reads = reads
        self._epochs = epochs

    def envelope(self, message: StoredMessage) -> OpenedEnvelope:
        """A stored message's envelope. Raises StoredInvalid, EpochUnknown."""
        if message.envelope_key is None:
            raise StoredInvalid("The envelope was erased.")
        sealed = SealedEnvelope(message.envelope, message.envelope_key, message.leaf_salt)
        raw, salt = open_envelope(sealed, message.id, self._epochs)
        manifest = parse_manifest(decode_jws(raw, MESSAGE).payload)
        return OpenedEnvelope(raw, manifest, Digest(b64url_encode(message.digest)), salt)

    async def place(self, message: StoredMessage) -> Placed:
        """Where a stored message's leaf stands. Raises StoredInvalid, EpochUnknown."""
        return await self._place(message, self.envelope(message).leaf_salt)

    async def _place(self, message: StoredMessage, salt: bytes) -> Placed:
        index = message.index
        (leaf,) = await read_leaves(self._reads, message.shard, index, index + 1)
        at_ms = parse_leaf(leaf).ts_ms
        return Placed(message.shard, index, leaf, message.leaf_hash, salt, at_ms)

    async def refusal(self, refused: StoredRefusal) -> OpenedRefusal:
        """A refused envelope with its place. Raises StoredInvalid, EpochUnknown."""
        if refused.key is None:
            raise StoredInvalid("The envelope was erased.")
        sealed = SealedEnvelope(refused.envelope, refused.key, refused.leaf_salt)
        raw, salt = open_envelope(sealed, refused.id, self._epochs)
        index = refused.index
        (data,) = await read_leaves(self._reads, refused.shard, index, index + 1)
        leaf = parse_leaf(data)
        place = Placed(refused.shard, index, data, leaf_hash(data), salt, leaf.ts_ms)
        return OpenedRefusal(raw, place, leaf.sender)

    async def message(self, id_: bytes) -> OpenedMessage | None:
        """A whole message by the 16 bytes of its id, or None.

        Raises:
            StoredInvalid: its content or envelope was erased or altered.
        """
        stored = await self._reads.message(id_)
        if stored is None:
            return None
        envelope = self.envelope(stored)
        if stored.content is None or stored.content_key is None:
            raise StoredInvalid("The content was erased.")
        sizes = [spec.size for spec in envelope.manifest.parts]
        sealed = SealedContent(stored.content, stored.content_key)
        parts = open_content(sealed, sizes, id_, self._epochs)
        place = await self._place(stored, envelope.leaf_salt)
        return OpenedMessage(envelope.raw, envelope.manifest, envelope.digest, parts, place)

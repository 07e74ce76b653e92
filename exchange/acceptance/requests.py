"""Requests as an answer needs them: who asked whom, what exactly, and where it stands.

Recently accepted ones are kept in memory, bounded; older ones are read and opened from storage.
"""

from typing import Final

from exchange.acceptance.stored import OpenedMessages
from exchange.storage.port import Reads
from exchange.storage.rows import ExchangeState
from signing.identifiers import MessageId, message_id_bytes
from signing.manifest import Digest, Manifest
from signing.values import value_type

REQUESTS_KEPT: Final = 20_000  # open exchanges of a busy minute; about 40 MB


@value_type
class AnsweredRequest:
    """A request that an answer is about, and the state of its exchange."""

    manifest: Manifest
    digest: Digest
    leaf_hash: bytes
    answer_by_ms: int
    state: ExchangeState


class Requests:
    """Finds the request that an answer is about."""

    def __init__(self, reads: Reads, opened: OpenedMessages) -> None:
        self._reads = reads
        self._opened = opened
        self._kept: dict[MessageId, AnsweredRequest] = {}

    def add(self, request: AnsweredRequest) -> None:
        """Keep a request that was just accepted; the oldest leaves first."""
        kept = self._kept
        kept[request.manifest.id] = request
        if len(kept) > REQUESTS_KEPT:
            del kept[next(iter(kept))]

    def knows(self, id_: MessageId) -> bool:
        """Whether the request is kept here, so that its answer needs no read."""
        return id_ in self._kept

    def drop(self, id_: MessageId) -> None:
        """Forget a request whose exchange ended; storage knows better now."""
        self._kept.pop(id_, None)

    async def find(self, id_: MessageId) -> AnsweredRequest | None:
        """The request of that id, or None when there is none."""
        kept = self._kept.get(id_)
        return kept if kept is not None else await self._read(id_)

    async def find_message(self, id_: MessageId) -> AnsweredRequest | None:
        """Any message of that id, to acknowledge; one that has no exchange is as good as answered.

        None when there is none, or it was erased.
        """
        message = await self._reads.message(message_id_bytes(id_))
        if message is None or message.envelope_key is None:
            return None
        opened = self._opened.envelope(message)
        return AnsweredRequest(
            opened.manifest, opened.digest, message.leaf_hash, 0, ExchangeState.ANSWERED
        )

    async def _read(self, id_: MessageId) -> AnsweredRequest | None:
        key = message_id_bytes(id_)
        exchange = await self._reads.exchange(key)
        message = await self._reads.message(key)
        if exchange is None or message is None:
            return None
        opened = self._opened.envelope(message)
        return AnsweredRequest(
            opened.manifest,
            opened.digest,
            message.leaf_hash,
            exchange.answer_by_ms,
            exchange.state,
        )

"""Receipts, made on demand: a leaf's proof against the last signed checkpoint that covers it."""

from collections.abc import Mapping

from exchange.ledger.entries import Placed
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.log_writer import LogWriter
from signing.receipts import encode_receipt


class Receipts:
    """Makes receipts for the logs this process writes."""

    def __init__(self, writers: Mapping[int, LogWriter]) -> None:
        self._writers = writers

    async def receipt(self, place: Placed) -> str:
        """The receipt of a leaf, as text (log.md, *Receipt*); waits for its signature.

        Raises:
            LogUnavailable, OutcomeUnknown: no checkpoint that covers it can be signed here.
        """
        if place.receipt is not None:
            return place.receipt
        await self.sealed(place)
        writer = self._writers[place.shard]
        signed = writer.signed
        assert signed is not None
        path = await writer.nodes.proof(place.index, signed.size, writer.tree)
        return encode_receipt(place.leaf, place.leaf_salt, place.index, path, signed.note)

    async def sealed(self, place: Placed) -> None:
        """Return once a signed checkpoint covers the leaf. Raises as `receipt`."""
        if place.receipt is not None:
            return
        writer = self._writers.get(place.shard)
        if writer is None:
            raise LogUnavailable("The receipt's log isn't held here; ask again in a moment.")
        if writer.signed is None or writer.signed.size <= place.index:
            await writer.seal(place.index + 1)

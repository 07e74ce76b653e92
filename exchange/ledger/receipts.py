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
        """The receipt of a leaf, as text (log.md, *Receipt*).

        Raises:
            LogUnavailable: no signed checkpoint covers it yet, or its log isn't ours.
        """
        writer = self._writers.get(place.shard)
        if writer is None or writer.signed is None or writer.signed.size <= place.index:
            raise LogUnavailable("The receipt isn't signed yet; ask again in a moment.")
        signed = writer.signed
        path = await writer.nodes.proof(place.index, signed.size, writer.tree)
        return encode_receipt(place.leaf, place.leaf_salt, place.index, path, signed.note)

"""Receipts, made on demand: a leaf's proof against the last signed checkpoint that covers it."""

from exchange.ledger.entries import Placed
from exchange.ledger.logs import Logs
from signing.receipts import encode_receipt


class Receipts:
    """Makes receipts of any log that this process can prove from."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    async def receipt(self, place: Placed) -> str:
        """The receipt of a leaf, as text (log.md, *Receipt*); waits for its signature.

        Raises:
            LogUnavailable, OutcomeUnknown: no checkpoint that covers it can be signed here.
        """
        if place.receipt is not None:
            return place.receipt
        log = await self._logs.covering(place.shard, place.index)
        signed = log.signed
        assert signed is not None
        path = await log.nodes.proof(place.index, signed.size, log.tree)
        return encode_receipt(place.leaf, place.leaf_salt, place.index, path, signed.note)

    async def sealed(self, place: Placed) -> None:
        """Return once a signed checkpoint covers the leaf. Raises as `receipt`."""
        if place.receipt is None:
            await self._logs.covering(place.shard, place.index)

"""A record of log 0 with its receipt: how others learn keys without trusting our word."""

from exchange.api.context import Api
from exchange.api.errors import NotFound
from exchange.ledger.entries import Placed
from exchange.ledger.shards import read_leaves
from signing.log.leaf import parse_leaf
from signing.log.merkle import leaf_hash


async def proven_record(api: Api, noun: str, key: str) -> dict[str, str]:
    """``{record, receipt}`` of the last change of an object.

    Raises:
        NotFound: no such object.
        LogUnavailable, OutcomeUnknown: the receipt can't be signed now.
    """
    place = await api.reads.object_place(noun, key)
    stored = None if place is None else await api.reads.record(place.log, place.index)
    if place is None or stored is None:
        raise NotFound
    record, salt, _ = stored
    (leaf,) = await read_leaves(api.reads, place.log, place.index, place.index + 1)
    placed = Placed(place.log, place.index, leaf, leaf_hash(leaf), salt, parse_leaf(leaf).ts_ms)
    return {"record": record.decode("ascii"), "receipt": await api.receipts.receipt(placed)}

"""`sealway migrate --after-restore`: going on from an older copy of the database, in the open.

Log 0 shares the database, so an older copy rolls it back below what was signed, and the bus is
frozen. Putting back the newer database is one way on; this is the other, and a person chooses it:
log 0 gets a successor with a key of its own, whose leaf 0 says what was signed and what was found.
The logs of before are closed and never written again; both are evidence (delivery.md, *Shards*).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exchange.acceptance.changes import DirectoryLog
from exchange.ledger.found import sign_as_found
from exchange.ledger.shards import empty_head
from exchange.operation.opening import (
    FROZEN,
    Place,
    open_directory,
    open_shards,
    open_traffic,
    record_end,
)
from exchange.storage.rows import ShardHead
from signing.encoding import b64_encode
from signing.errors import SealwayError

CLOSED = "closed"


class NothingToRestore(SealwayError):
    """Log 0 is not behind what was signed: there is nothing to go on from."""

    code = "conflict"


@dataclass(frozen=True, slots=True)
class Successor:
    """The log that took log 0's place: its origin, its key for profiles to pin, what it found."""

    origin: str
    key: str
    closed: str
    closed_key: str
    """Of the log that was closed: what was recorded there is proven by it for ever."""
    size_signed: int
    size_found: int
    opened: tuple[int, ...]


async def succeed_log_zero(place: Place, reason: str) -> Successor:
    """Open log 0's successor, close the logs of before, open as many new ones.

    Repeating it after a crash goes on where it stopped.

    Raises:
        NothingToRestore: log 0 continues what was signed.
    """
    heads = await place.store.reads.heads()
    old = await _behind(place, heads)
    after = _what_happened(place, old, reason)
    for head in (old, *open_traffic(heads)):
        await _sign_rest(place, head)
        await place.store.set_epoch(head.shard, head.epoch + 1, _end_of(place, head))
    number = old.shard - 1
    if await place.store.reads.head(number) is None:
        await place.store.open_log(empty_head(number, place.keys.made(number).verifier.name))
    log, _ = await open_directory(place)
    await log.succeed(after)
    for head in open_traffic(heads):
        await record_end(place, log, head, _end_of(place, head))
    opened = await open_shards(place, log, place.settings.logs_wanted)
    return _told(place, log, after, opened)


async def _sign_rest(place: Place, head: ShardHead) -> None:
    """Before a log ends for ever: have its last leaves proven, unless they contradict a proof."""
    writer = await place.writer(head)
    if writer.failed is not None:
        signer, signed = place.keys.signer(head.shard), place.signed_trees(head)
        await sign_as_found(place.store, writer, signer, signed)
    await writer.close()


def _end_of(place: Place, head: ShardHead) -> str:
    """``frozen`` when more was signed of a log than is here; else it just ends."""
    size, _ = place.signed(head) or (head.size, head.root)
    return FROZEN if head.shard > 0 and size > head.size else CLOSED


async def _behind(place: Place, heads: Sequence[ShardHead]) -> ShardHead:
    """The log 0 that is behind what was signed. Raises NothingToRestore."""
    last = min((one for one in heads if one.shard <= 0), key=lambda one: one.shard, default=None)
    if last is not None and last.shard < 0 and last.size == 0:  # an earlier try ended here
        last = await place.store.reads.head(last.shard + 1)
    if last is None:
        raise NothingToRestore("The database has no logs: there is nothing to go on from.")
    writer = await place.writer(last)
    if writer.failed is None:
        raise NothingToRestore(
            f"{last.origin} continues what was signed; the bus isn't frozen by an older copy."
        )
    return last


def _what_happened(place: Place, old: ShardHead, reason: str) -> dict[str, Any]:
    size, root = place.signed(old) or (old.size, old.root)
    return {
        "closed": old.origin,
        "size_signed": size,
        "root_signed": b64_encode(root),
        "checkpoint": place.known.get(old.origin),
        "size_found": old.size,
        "root_found": b64_encode(old.root),
        "reason": reason,
    }


def _told(place: Place, log: DirectoryLog, after: dict[str, Any], opened: list[int]) -> Successor:
    number = log.writer.head.shard
    return Successor(
        origin=place.keys.origin(number),
        key=str(place.keys.needed(number).verifier),
        closed=str(after["closed"]),
        closed_key=str(place.keys.needed(number + 1).verifier),
        size_signed=int(after["size_signed"]),
        size_found=int(after["size_found"]),
        opened=tuple(opened),
    )

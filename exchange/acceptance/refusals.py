"""Refusals: every message with a valid signature that isn't accepted has a leaf, or is counted.

Beyond 10 a second per system and code, refusals are counted in one leaf a minute, whose record
holds the Merkle root of their digests: a valid key must not be able to flood the log.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.sealing import refusal_entry
from exchange.ledger.entries import Placed
from exchange.ledger.group_commit import GroupCommitter
from signing.at_rest import EpochKeys
from signing.encoding import b64url_decode
from signing.errors import SealwayError
from signing.identifiers import SystemId
from signing.log.merkle import leaf_hash, merkle_root

COUNTERS_KEPT: Final = 10_000
COUNTED_MAX: Final = 1_000_000  # digests held for one minute's root: 32 MB


@dataclass(frozen=True, slots=True)
class CountedRefusals:
    """Refusals of one minute that have no leaf of their own."""

    sender: SystemId
    code: str
    count: int
    root: bytes


@dataclass(slots=True)
class _Counter:
    second: int = 0
    count: int = 0
    digests: list[bytes] = field(default_factory=list)


WriteCounted = Callable[[CountedRefusals], Awaitable[None]]


class Refusals:
    """Logs refusals of messages whose signature held."""

    def __init__(
        self,
        committer: GroupCommitter,
        epochs: EpochKeys,
        write_counted: WriteCounted,
        per_s_max: int = 10,
    ) -> None:
        self._committer = committer
        self._epochs = epochs
        self._write_counted = write_counted
        self._most = per_s_max
        self._counters: dict[tuple[SystemId, str], _Counter] = {}

    async def log(self, arrival: Arrival, error: SealwayError) -> Placed | None:
        """Give a refusal its leaf; None when it is only counted, or the log can't be written."""
        if not self._has_room(arrival, error.code):
            return None
        entry = refusal_entry(arrival, error.code, self._epochs)
        try:
            outcome = await self._committer.submit(entry, arrival.directory.version)
        except SealwayError:
            return None  # the sender's own refusal matters more than that its leaf is missing
        return outcome if isinstance(outcome, Placed) else None

    def _has_room(self, arrival: Arrival, code: str) -> bool:
        key = (arrival.envelope.certificate.system, code)
        if key not in self._counters and len(self._counters) >= COUNTERS_KEPT:
            return False
        counter = self._counters.setdefault(key, _Counter())
        second = arrival.now_ms // 1000
        if counter.second != second:
            counter.second, counter.count = second, 0
        counter.count += 1
        if counter.count <= self._most:
            return True
        if len(counter.digests) < COUNTED_MAX:
            counter.digests.append(b64url_decode(arrival.envelope.digest))
        return False

    async def flush(self) -> None:
        """Write the minute's counts; called once a minute and at a clean stop."""
        counters, self._counters = self._counters, {}
        for (sender, code), counter in counters.items():
            if counter.digests:
                root = merkle_root([leaf_hash(digest) for digest in counter.digests])
                counted = CountedRefusals(sender, code, len(counter.digests), root)
                await self._write_counted(counted)

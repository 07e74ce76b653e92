"""Time-stamps of log 0's checkpoints (RFC 3161), from the first authority that gives a good one."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog

from adapters.egress import Egress
from adapters.errors import AttemptFailed
from exchange.ledger.log_writer import Clock
from exchange.witnessing.rules import Authority
from signing.errors import ProofInvalid
from signing.timestamps import (
    REQUEST_TYPE,
    RESPONSE_BYTES_MAX,
    Timestamp,
    timestamp_request,
    verify_timestamp,
)

log = structlog.get_logger()

TIMEOUT_S: Final = 15.0
APART_MS_MAX: Final = 300_000
"""A time further from our clock than this is one of the two that is wrong: the next is asked."""


class Stamper:
    """Asks authorities in their order; the next one when one fails."""

    def __init__(self, authorities: Sequence[Authority], egress: Egress, clock: Clock) -> None:
        self._authorities = authorities
        self._egress = egress
        self._clock = clock
        self.outcomes: Counter[str] = Counter()
        """Answers by outcome: ``stamped``, ``unreachable``, ``refused``."""

    async def stamp(self, data: bytes) -> tuple[Timestamp, bytes] | None:
        """A time-stamp of ``data`` and the response that proves it; None when nobody gave one."""
        for authority in self._authorities:
            response = await self._ask(authority, data)
            if response is not None:
                return response
        return None

    async def _ask(self, authority: Authority, data: bytes) -> tuple[Timestamp, bytes] | None:
        asked = timestamp_request(data)
        try:
            response = await self._response(authority, asked.body)
            stamp = verify_timestamp(response, data, authority.roots, asked.nonce)
            if abs(stamp.at_ms - self._clock()) > APART_MS_MAX:
                raise ProofInvalid("The authority's clock and this machine's are far apart.")
        except (AttemptFailed, ProofInvalid) as error:
            outcome = "refused" if isinstance(error, ProofInvalid) else "unreachable"
            self.outcomes[outcome] += 1
            log.warning("timestamp.failed", authority=authority.name, reason=error.detail)
            return None
        self.outcomes["stamped"] += 1
        return stamp, response

    async def _response(self, authority: Authority, query: bytes) -> bytes:
        """Raises AttemptFailed, ProofInvalid."""
        if authority.answer is not None:
            return authority.answer(query)
        response = await self._egress.request(
            "POST",
            authority.url,
            headers=(("Content-Type", REQUEST_TYPE),),
            body=query,
            timeout_s=TIMEOUT_S,
            response_bytes_max=RESPONSE_BYTES_MAX,
            repeatable=True,
        )
        if response.status != 200:
            raise ProofInvalid(f"The authority answered {response.status}.")
        return response.body

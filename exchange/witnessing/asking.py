"""One witness, asked over HTTP (C2SP tlog-witness, ``add-checkpoint``).

Owns the conversation: the size to prove from, and what each status means. Believes nothing: only a
cosignature that verifies under the pinned key, with a time near ours, is brought home.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final

import structlog

from adapters.egress import Egress
from adapters.errors import AttemptFailed
from exchange.ledger.log_writer import Clock
from exchange.witnessing.rules import AskedWitness
from sealway.witness.request import encode_request
from signing.errors import ProofInvalid
from signing.log.cosignature import verify_cosignature

log = structlog.get_logger()

TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 4_096  # a signature line has about 150
TRIES: Final = 3  # one to learn the size, one with the proof, one when somebody else was quicker
APART_MS_MAX: Final = 300_000
"""A cosignature whose time is further from our clock proves no recent look; its clock is off."""
SIZE_TYPE: Final = "text/x.tlog.size"
_SIZE: Final = re.compile(r"(0|[1-9][0-9]{0,15})\n?", re.ASCII)

Prove = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""The consistency proof from one size to another."""


class Outcome(StrEnum):
    """What became of asking; a label of metrics."""

    COSIGNED = "cosigned"
    AHEAD = "ahead"
    """It has cosigned a larger tree of ours already: another process asked."""
    CONFLICT = "conflict"
    """It names a size again and again: another tree of that size was signed under our key."""
    REFUSED = "refused"
    """It doesn't know the log or its key, or calls the request wrong (400, 403, 404, 422)."""
    UNREACHABLE = "unreachable"
    FALSE = "false"
    """What it sent is no cosignature of the checkpoint by its pinned key."""
    CLOCK_OFF = "clock-off"


_LOUD: Final = frozenset({Outcome.CONFLICT, Outcome.REFUSED, Outcome.FALSE, Outcome.CLOCK_OFF})


class WitnessAsker:
    """Asks one witness, and remembers what it cosigned last."""

    def __init__(self, witness: AskedWitness, url: str, egress: Egress, clock: Clock) -> None:
        self.witness = witness
        self._url = url
        self._egress = egress
        self._clock = clock
        self._size = 0
        self._said: Outcome | None = None

    async def ask(self, note: str, size: int, prove: Prove) -> tuple[Outcome, str]:
        """Ask for a cosignature of a checkpoint; its line with the outcome, or ''.

        Raises:
            SealwayError: the proof can't be made now; the witness was not asked.
        """
        outcome, line = await self._converse(note, size, prove)
        if outcome is not self._said:
            told = log.error if outcome in _LOUD else log.info
            told("witness.asked", witness=self.witness.name, outcome=outcome.value)
            self._said = outcome
        return outcome, line

    async def _converse(self, note: str, size: int, prove: Prove) -> tuple[Outcome, str]:
        old = min(self._size, size)
        for _ in range(TRIES):
            proof = await prove(old, size) if 0 < old < size else ()
            answer = await self._post(encode_request(old, proof, note))
            if answer is None:
                return Outcome.UNREACHABLE, ""
            status, body, is_size = answer
            if status == 200:
                return self._judge(note, size, body)
            if status != 409:
                is_final = 400 <= status < 500 and status not in (408, 429)
                return (Outcome.REFUSED if is_final else Outcome.UNREACHABLE), ""
            told = _SIZE.fullmatch(body) if is_size else None
            if told is None:
                return Outcome.FALSE, ""
            if int(told[1]) > size:
                return Outcome.AHEAD, ""
            if int(told[1]) == old:
                return Outcome.CONFLICT, ""
            old = int(told[1])
        return Outcome.CONFLICT, ""

    async def _post(self, body: bytes) -> tuple[int, str, bool] | None:
        try:
            response = await self._egress.request(
                "POST",
                f"{self._url}/add-checkpoint",
                headers=(("Content-Type", "text/plain; charset=utf-8"),),
                body=body,
                timeout_s=TIMEOUT_S,
                response_bytes_max=ANSWER_BYTES_MAX,
                repeatable=True,
            )
            is_size = response.media_type == SIZE_TYPE
            return response.status, response.body.decode("utf-8"), is_size
        except (AttemptFailed, UnicodeDecodeError):
            return None

    def _judge(self, note: str, size: int, body: str) -> tuple[Outcome, str]:
        """A witness may send several signature lines; ours is the one under the pinned key."""
        verifier = self.witness.verifier
        for line in body.splitlines(keepends=True):
            if not line.startswith(f"— {verifier.name} ") or not line.endswith("\n"):
                continue
            try:
                time_s = verify_cosignature(note + line, verifier)
            except ProofInvalid:
                continue
            if abs(time_s * 1000 - self._clock()) > APART_MS_MAX:
                return Outcome.CLOCK_OFF, ""
            self._size = size
            return Outcome.COSIGNED, line
        return Outcome.FALSE, ""

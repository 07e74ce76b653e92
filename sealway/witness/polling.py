"""Polling: a witness that nobody can reach looks itself, proves consistency itself, cosigns.

One round of one log fetches its checkpoint and the few tiles that lead there from what was
cosigned last. Refuses to ask the log for a proof: a tile can be cached by anybody, and is checked.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sealway.verify.tiles import prove_consistency
from sealway.witness.core import Witness
from sealway.witness.errors import LogForked, LogUnreachable, OldSizeDiffers
from sealway.witness.fetching import PublishedLog
from sealway.witness.state import Cosigned
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, verify_checkpoint
from signing.log.merkle import EMPTY_ROOT
from signing.log.note import NoteVerifier


class Outcome(Enum):
    """What became of one round."""

    COSIGNED = "cosigned"
    UNREACHABLE = "unreachable"
    BEHIND = "behind"
    """The log shows less than was cosigned: a process of it lags, or it was rolled back."""
    FALSE = "false"
    """Signed by another key, or it doesn't extend what was cosigned."""


@dataclass(frozen=True, slots=True)
class Round:
    """One log, looked at once: what is cosigned now, and why that isn't newer."""

    origin: str
    outcome: Outcome
    text: str = ""
    cosigned: Cosigned | None = None
    delivery: str = ""
    """What became of bringing it to the bus; empty when that wasn't tried."""


_AGAIN: Final = 3  # another process of this witness may cosign between our look and our turn


def poll_once(witness: Witness, log: NoteVerifier, published: PublishedLog) -> Round:
    """Look at a log and cosign its checkpoint when it extends what was cosigned last.

    Raises:
        WitnessUnusable: the state can't be read or written; nothing was cosigned.
    """
    origin = log.name
    try:
        note = _to_cosign(witness, log, published)
    except LogUnreachable as error:
        return Round(origin, Outcome.UNREACHABLE, error.detail, witness.latest(origin))
    for _ in range(_AGAIN):
        try:
            return _consider(witness, log, published, note)
        except OldSizeDiffers:
            continue
        except LogUnreachable as error:
            return Round(origin, Outcome.UNREACHABLE, error.detail, witness.latest(origin))
        except (LogForked, ProofInvalid) as error:
            return Round(origin, Outcome.FALSE, error.detail, witness.latest(origin))
    text = "Another process of this witness was quicker each time."
    return Round(origin, Outcome.BEHIND, text, witness.latest(origin))


def _to_cosign(witness: Witness, log: NoteVerifier, published: PublishedLog) -> str:
    """What other witnesses are shown too at this time; else the log's last checkpoint.

    The former is up to a minute old; who has cosigned a larger tree already takes the latter.
    Raises LogUnreachable.
    """
    note = published.fetch_to_cosign()
    if note is None:
        return published.fetch_checkpoint()
    last = witness.latest(log.name)
    try:
        is_older = last is not None and verify_checkpoint(note, log).size < last.checkpoint.size
    except ProofInvalid:
        return note  # it is judged, and said to be false, like any other
    return published.fetch_checkpoint() if is_older else note


def _consider(witness: Witness, log: NoteVerifier, published: PublishedLog, note: str) -> Round:
    checkpoint = verify_checkpoint(note, log)
    last = witness.latest(log.name)
    old = last.checkpoint if last else Checkpoint(log.name, 0, EMPTY_ROOT)
    if checkpoint.size < old.size:
        text = f"It shows {checkpoint.size} leaves; {old.size} were cosigned."
        return Round(log.name, Outcome.BEHIND, text, last)
    proof: list[bytes] = []
    if checkpoint.size > old.size:
        try:
            proof = prove_consistency(old, checkpoint, published.fetch_tile)
        except ProofInvalid:
            witness.state.keep_evidence(note)
            raise
    cosigned, _ = witness.advance(log, old.size, proof, note)
    return Round(log.name, Outcome.COSIGNED, "", cosigned)

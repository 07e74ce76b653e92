"""Times that somebody other than the bus vouches for: checkpoints of log 0 with a quorum of
witnesses.

A cosigned checkpoint says: at this time the log was so long. What it covers existed by then; what
it doesn't cover came later. So each leaf has a T_lo and a T_hi (docs/evidence.md, *As of when*).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sealway.verify.findings import Code, Findings
from signing.errors import ProofInvalid
from signing.log.checkpoint import verify_checkpoint
from signing.log.cosignature import CosignatureVerifier, verify_cosignature
from signing.log.note import NoteVerifier, note_signatures


@dataclass(frozen=True, slots=True)
class Moment:
    """At ``time_ms``, in the words of enough witnesses, log 0 had ``size`` leaves."""

    size: int
    time_ms: int


@dataclass(slots=True)
class Witnessed:
    """Checkpoints of log 0 and who cosigned them."""

    witnesses: tuple[CosignatureVerifier, ...]
    quorum: int
    findings: Findings
    _checkpoints: dict[tuple[int, bytes], dict[str, int]] = field(default_factory=dict)

    def add(self, note: str, verifier: NoteVerifier, where: str) -> None:
        """A note that may be cosigned. One that log 0's key did not sign is a finding."""
        try:
            checkpoint = verify_checkpoint(note, verifier)
        except ProofInvalid as error:
            self.findings.add(Code.CHECKPOINT_FORGED, f"{where}: {error.detail}", 0)
            return
        times = self._checkpoints.setdefault((checkpoint.size, checkpoint.root), {})
        for witness in self.witnesses:
            if (witness.name, witness.key_hash) not in _signers(note):
                continue
            try:
                time_ms = 1000 * verify_cosignature(note, witness)
            except ProofInvalid as error:
                self.findings.add(Code.COSIGNATURE_FORGED, f"{where}: {error.detail}", 0)
                continue
            times[str(witness)] = min(time_ms, times.get(str(witness), time_ms))

    @property
    def sizes(self) -> set[int]:
        """The sizes at which roots must be compared."""
        return {size for size, _ in self._checkpoints}

    def check_roots(self, roots: dict[int, bytes]) -> None:
        """Hold every checkpoint against the tree that the bundle shows."""
        for size, root in self._checkpoints:
            if size in roots and roots[size] != root:
                text = (
                    f"Log 0's key signed two trees of {size} leaves: the one in the bundle, and"
                    " another that was shown elsewhere."
                )
                self.findings.add(Code.LOG_FORKED, text, 0, size)

    def moments(self) -> list[Moment]:
        """What enough witnesses agree on, by size; the quorum's last word gives the time."""
        if not self.quorum:
            return []
        found = [
            Moment(size, sorted(times.values())[self.quorum - 1])
            for (size, _), times in self._checkpoints.items()
            if len(times) >= self.quorum
        ]
        return sorted(found, key=lambda one: one.size)

    def names(self) -> list[str]:
        """The witnesses whose cosignatures were seen."""
        return sorted({name for times in self._checkpoints.values() for name in times})


def _signers(note: str) -> set[tuple[str, bytes]]:
    return {(name, signature[:4]) for name, signature in note_signatures(note)}


def bracket(moments: Iterable[Moment], index: int) -> tuple[int | None, int | None]:
    """T_lo and T_hi of leaf ``index`` of log 0: the last moment without it, the first with it."""
    low: int | None = None
    for moment in moments:
        if moment.size > index:
            return low, moment.time_ms
        low = moment.time_ms
    return low, None

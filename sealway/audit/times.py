"""Times that somebody other than the bus vouches for: checkpoints of log 0 that enough witnesses
cosigned, or that a time-stamp authority stamped.

Such a checkpoint says: at this time the log was so long. What it covers existed by then; what it
doesn't cover came later. So a range has a T_lo and a T_hi (docs/evidence.md, *As of when*).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sealway.verify.findings import Code, Findings
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, verify_checkpoint
from signing.log.cosignature import verify_cosignature
from signing.log.note import NoteVerifier, note_signatures, note_text
from signing.log.policy import TrustPolicy


@dataclass(frozen=True, slots=True)
class Moment:
    """At ``time_ms``, in others' words, log 0 had ``size`` leaves."""

    size: int
    time_ms: int


@dataclass(slots=True)
class Witnessed:
    """Checkpoints of log 0, who cosigned them, and when they were stamped."""

    policy: TrustPolicy
    roots: bytes
    findings: Findings
    _checkpoints: dict[tuple[int, bytes], dict[str, int]] = field(default_factory=dict)
    _stamps: list[Moment] = field(default_factory=list)
    _shown: set[int] = field(default_factory=set)
    """Sizes at which the bundle's own tree is the one that was vouched for."""

    def add(self, note: str, verifier: NoteVerifier, where: str) -> Checkpoint | None:
        """A note that may be cosigned. One that log 0's key did not sign is a finding."""
        try:
            checkpoint = verify_checkpoint(note, verifier)
        except ProofInvalid as error:
            self.findings.add(Code.CHECKPOINT_FORGED, f"{where}: {error.detail}", 0)
            return None
        times = self._checkpoints.setdefault((checkpoint.size, checkpoint.root), {})
        signers = {(name, signature[:4]) for name, signature in note_signatures(note)}
        for name, witness in self.policy.witnesses.items():
            if (witness.name, witness.key_hash) not in signers:
                continue
            try:
                time_ms = 1000 * verify_cosignature(note, witness)
            except ProofInvalid as error:
                self.findings.add(Code.COSIGNATURE_FORGED, f"{where}: {error.detail}", 0)
                continue
            times[name] = min(time_ms, times.get(name, time_ms))
        return checkpoint

    def add_stamp(self, token: bytes, note: str, size: int, where: str) -> None:
        """A time-stamp over the text of a note that `add` took."""
        if not self.roots:
            return
        # Only where roots are given:
        from signing.timestamps import TimestampForged, load_roots, verify_timestamp

        try:
            stamp = verify_timestamp(token, note_text(note).encode(), load_roots(self.roots))
        except TimestampForged as error:
            self.findings.add(Code.TIMESTAMP_FORGED, f"{where}: {error.detail}", 0)
            return
        except ProofInvalid as error:
            self.findings.add(Code.TIMESTAMP_NOT_TRUSTED, f"{where}: {error.detail}", 0)
            return
        self._stamps.append(Moment(size, stamp.at_ms))

    @property
    def sizes(self) -> set[int]:
        """The sizes at which roots must be compared."""
        return {size for size, _ in self._checkpoints}

    def check_roots(self, roots: Mapping[int, bytes]) -> None:
        """Hold every checkpoint against the tree that the bundle shows.

        One that is larger than that tree says nothing about it, and gives no time.
        """
        self._shown = {size for size, root in self._checkpoints if roots.get(size) == root}
        for size, root in self._checkpoints:
            if size in roots and roots[size] != root:
                text = (
                    f"Log 0's key signed two trees of {size} leaves: the one in the bundle, and"
                    " another that was shown elsewhere."
                )
                self.findings.add(Code.LOG_FORKED, text, 0, size)

    @property
    def asks_witnesses(self) -> bool:
        """Whether the anchors ask for any cosignature."""
        return self.policy.quorum is not None

    def cosigned(self) -> list[Moment]:
        """What enough witnesses agree on, by size; the one that made them enough gives the time."""
        found = []
        for (size, _), times in self._checkpoints.items():
            if size not in self._shown:
                continue
            met: set[str] = set()
            for name, time_ms in sorted(times.items(), key=lambda pair: pair[1]):
                met.add(name)
                if self.asks_witnesses and self.policy.is_met(met):
                    found.append(Moment(size, time_ms))
                    break
        return sorted(found, key=lambda one: one.size)

    def stamped(self) -> list[Moment]:
        """What an authority under the anchors' roots says, by size."""
        shown = [one for one in self._stamps if one.size in self._shown]
        return sorted(shown, key=lambda one: (one.size, one.time_ms))

    def names(self) -> list[str]:
        """The witnesses whose cosignatures were seen."""
        return sorted({name for times in self._checkpoints.values() for name in times})


def bracket(moments: Iterable[Moment], index: int) -> tuple[int | None, int | None]:
    """T_lo and T_hi of leaf ``index`` of log 0: the last moment without it, the first with it."""
    low: int | None = None
    for moment in moments:
        if moment.size > index:
            return low, moment.time_ms
        low = moment.time_ms
    return low, None

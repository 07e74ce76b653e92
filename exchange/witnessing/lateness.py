"""How late anchoring is, and what follows: nothing, an alarm, or that nothing more is accepted."""

import math

from exchange.ledger.log_writer import Clock
from exchange.storage.rows import AnchoringState
from exchange.witnessing.errors import AnchoringLate
from exchange.witnessing.rules import AnchorRules


class Lateness:
    """Judges by the last time that somebody vouched for log 0, as the database remembers it."""

    def __init__(self, rules: AnchorRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._state: AnchoringState | None = None
        self._stops_after_ms = math.inf

    @property
    def state(self) -> AnchoringState | None:
        """As last seen; None before the first look: nothing is late then."""
        return self._state

    @state.setter
    def state(self, state: AnchoringState | None) -> None:
        self._state = state
        self._stops_after_ms = min(self._known().values(), default=math.inf) + self._rules.stop_ms

    def _known(self) -> dict[str, int]:
        """When somebody last vouched, for each kind that is asked for."""
        if self._state is None:
            return {}
        known = {}
        if self._rules.witnesses:
            known["cosigned"] = self._state.cosigned_at_ms
        if self._rules.authorities:
            known["stamped"] = self._state.stamped_at_ms
        return {name: at_ms for name, at_ms in known.items() if at_ms is not None}

    def ages_s(self) -> dict[str, float]:
        """Seconds since the last quorum (``cosigned``) and time-stamp (``stamped``) asked for."""
        now_ms = self._clock()
        return {name: max(0, now_ms - at_ms) / 1000 for name, at_ms in self._known().items()}

    @property
    def is_late(self) -> bool:
        """Whether somebody should be told."""
        return self._oldest_s() * 1000 > self._rules.alarm_ms

    def why_stopped(self) -> str | None:
        """A sentence when nothing more may be accepted; None when it may."""
        oldest_s = self._oldest_s()
        if oldest_s * 1000 <= self._rules.stop_ms:
            return None
        return (
            f"Nobody has vouched for this bus's log for {oldest_s / 3600:.1f} hours, so it accepts"
            " nothing: its witnesses or time-stamp authorities don't answer."
        )

    def check(self) -> None:
        """Raises AnchoringLate: it has been too long. Asked of every message."""
        if self._clock() > self._stops_after_ms and (reason := self.why_stopped()) is not None:
            raise AnchoringLate(reason)

    def _oldest_s(self) -> float:
        return max(self.ages_s().values(), default=0.0)

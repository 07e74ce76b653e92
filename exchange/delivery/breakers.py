"""Circuit breakers: a provider that is down is left alone, and found when it is back.

One for each service in this process. *Closed*: calls go. *Open*, after so many failures in a row:
none goes until its time is over. *Half open*: one call tries; it closes the breaker or opens it
for twice as long. Refuses to own rows: whoever isn't let through is parked by the caller.

Invariant: a breaker never ends a delivery, and never counts an attempt that wasn't made.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

BREAKERS_MAX: Final = 10_000  # more than the services of a country
TOLD_MAX: Final = 10_000  # deliveries of one outage whose timeline says so; the rest go without


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    """When one opens, and for how long; milliseconds."""

    failures: int = 5
    open_ms: int = 10_000
    open_max_ms: int = 60_000


@dataclass(slots=True)
class Breaker:
    """One service's."""

    terms: BreakerTerms
    failures: int = 0
    openings: int = 0
    """How often it opened since it was last closed."""
    open_until_ms: int | None = None
    """None while it is closed."""
    trial: bytes | None = None
    """The delivery whose call is trying, while it is half open."""
    told: set[bytes] = field(default_factory=set)
    odd: set[bytes] = field(default_factory=set)
    """Deliveries that were answered with rubbish since the last success: each counts once."""

    def admits(self, id_: bytes, now_ms: int) -> bool:
        """Whether this delivery's call may go; a half-open one lets the first through."""
        if self.open_until_ms is None:
            return True
        if now_ms < self.open_until_ms or self.trial is not None:
            return False
        self.trial = id_
        return True

    def left_ms(self, now_ms: int) -> int:
        """For how long it surely lets nobody through."""
        return 0 if self.open_until_ms is None else max(0, self.open_until_ms - now_ms)

    def is_news(self, id_: bytes) -> bool:
        """Whether this outage isn't in the delivery's timeline yet; it is from now on."""
        if id_ in self.told or len(self.told) >= TOLD_MAX:
            return False
        self.told.add(id_)
        return True

    def succeeded(self) -> None:
        """The provider answered, yes or no: calls go again."""
        if self.failures or self.open_until_ms is not None:
            self.failures = self.openings = 0
            self.open_until_ms = self.trial = None
            self.told.clear()
            self.odd.clear()

    def failed(self, id_: bytes, now_ms: int, *, misbehaved: bool = False) -> bool:
        """Count a failed call; whether that has opened it, for the first time or again.

        A call that began before it opened says nothing new. One request that its provider
        answers with rubbish each time says so once: it must not keep the others waiting.
        """
        if self.open_until_ms is not None and self.trial != id_:
            return False
        if misbehaved and self.trial is None:
            if id_ in self.odd:
                return False
            self.odd.add(id_)
        self.failures += 1
        if self.trial is None and self.failures < self.terms.failures:
            return False
        self.trial = None
        doubled = self.terms.open_ms << min(self.openings, 16)
        self.open_until_ms = now_ms + min(doubled, max(self.terms.open_ms, self.terms.open_max_ms))
        self.openings += 1
        return True

    def given_up(self, id_: bytes) -> None:
        """This delivery's call ended without a word about the provider: another may try."""
        if self.trial == id_:
            self.trial = None


class Breakers:
    """The breakers of every service that was called here lately, made when first asked for."""

    def __init__(self, terms: BreakerTerms) -> None:
        self._terms = terms
        self._breakers: OrderedDict[str, Breaker] = OrderedDict()
        self.opened = 0
        """How often one opened; for metrics."""

    def of(self, key: str) -> Breaker:
        """The breaker of a service."""
        found = self._breakers.get(key)
        if found is None:
            found = self._breakers[key] = Breaker(self._terms)
            if len(self._breakers) > BREAKERS_MAX:
                self._breakers.popitem(last=False)
        return found

    def open_now(self) -> list[str]:
        """The services whose breaker isn't closed."""
        return [key for key, one in self._breakers.items() if one.open_until_ms is not None]

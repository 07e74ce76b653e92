"""Members' own statements of changes, honest or not, and an operator who records them anyway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exchange.operation.wiring import Bus
from registry.changes import Change, PlannedFact, plan
from signing.changes import StatedChange, sign_change
from signing.keys import Signer
from tests.support.recorded_bus import BUS, CONSUMER, FOUNDER, PROVIDER, SERVICE, now_ms


def grant_of(id_: str, purpose: str, **more: Any) -> dict[str, Any]:
    """A grant of the recorded bus's one service."""
    return {
        "id": id_,
        "consumer": CONSUMER,
        "system": PROVIDER,
        "service": SERVICE,
        "purposes": [purpose],
        "legal_basis": "Act 2",
        "valid_from": "2020-01-01T00:00:00.000Z",
        **more,
    }


def fact_of(bus: Bus, noun: str, members: dict[str, Any]) -> PlannedFact:
    """What a change of one object comes to."""
    (fact,) = plan(bus.api.directory.current, [Change(noun, members)], now_ms()).facts
    return fact


def statement(fact: PlannedFact, signer: Signer, *, ago_ms: int = 0, **instead: Any) -> str:
    """A fact, stated by a key; ``instead``: members of the statement that say something else."""
    said = StatedChange(BUS, fact.noun, fact.key, fact.before, fact.after)
    return sign_change(replace(said, **instead), signer, now_ms() - ago_ms).decode("ascii")


async def state(bus: Bus, noun: str, members: dict[str, Any], signer: Signer) -> str:
    """Change an object with the owner's statement, through the bus's own checks."""
    raw = statement(fact_of(bus, noun, members), signer)
    await bus.api.directory_log.change([Change(noun, members, signed=raw)], FOUNDER)
    return raw


async def assert_anyway(bus: Bus, fact: PlannedFact, raw: str | None) -> None:
    """Record a fact with whatever statement: no check of the bus looks at it."""
    await bus.api.directory_log.record_facts([replace(fact, signed=raw)], FOUNDER)

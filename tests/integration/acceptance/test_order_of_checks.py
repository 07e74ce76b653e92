"""One envelope that breaks every check at once, mended step by step, in wire.md's order."""

import json
from dataclasses import replace
from typing import Any

from registry.changes import Change
from signing.compose import Composed, PartIn
from signing.identifiers import new_message_id
from signing.keys import LocalSigner
from signing.message import Parts
from tests.support.agencies import (
    BENEFITS,
    DAY_MS,
    POPULATION,
    STATISTICS,
    TERRITORIES,
    certificate,
    credentials,
)
from tests.support.bus import RunningBus, opened

GOOD = json.dumps({"person_code": "1"}).encode()
BAD = b'{"person_code":1}'


class Wrong:
    """A message with everything wrong; each `mend` puts one thing right."""

    def __init__(self, running: RunningBus) -> None:
        self.running = running
        self.forger = credentials("forger", running.clock())
        self.old = credentials("the consumer's old key", running.clock())
        self.truncated = True
        self.altered = True
        self.signer = self.forger.signer
        self.parts = [PartIn(BAD, "photo")]
        self.members: dict[str, Any] = {
            "bus": "sy.example",
            "sender": TERRITORIES,
            "service": "nothing",
            "purpose": "curiosity",
        }

    def message(self) -> Composed:
        ask = self.running.ask(POPULATION, parts=self.parts, signer=self.signer, **self.members)
        if self.altered:
            ask = replace(ask, parts=Parts(bytes(32), ask.parts.data))
        return replace(ask, envelope=ask.envelope[1:]) if self.truncated else ask

    async def code(self) -> str:
        return await self.running.outcome(self.message())


async def test_each_mended_check_meets_the_next_code_in_the_stated_order(
    stopped: RunningBus,
) -> None:
    stopped.terms["rate_per_s_max"] = 30
    async with opened(stopped) as running:
        codes, expected = await mend_step_by_step(running)
    assert codes == expected


async def mend_step_by_step(running: RunningBus) -> tuple[list[str], list[str]]:
    wrong = Wrong(running)
    used = running.ask(POPULATION)
    assert await running.outcome(used) == "accepted"
    await running.change(
        certificate(BENEFITS, wrong.old),
        Change("system", {"id": BENEFITS, "state": "suspended"}),
        Change("system", {"id": STATISTICS, "mailbox_max": 1}),
    )
    await running.change(certificate(BENEFITS, wrong.old, state="revoked"))
    running.clock.held_ms = running.clock()
    running.clock.ahead_ms = 3 * DAY_MS
    assert await running.until(used, "expired") == "expired", "its place in the mailbox is free"
    wrong.members["id"] = used.manifest.id
    wrong.members["created_ms"] = used.manifest.created_ms
    exhaust = [running.ask(POPULATION, purpose="curiosity") for _ in range(30)]
    codes: list[str] = []
    expected: list[str] = []

    async def meets(code: str) -> None:
        expected.append(code)
        codes.append(await wrong.code())

    await meets("envelope-malformed")
    wrong.truncated = False
    await meets("certificate-unknown")
    wrong.signer = LocalSigner(wrong.forger.key, wrong.old.signer.x5t)
    await meets("signature-invalid")
    wrong.signer = wrong.old.signer
    await meets("certificate-revoked")
    wrong.signer = running.keys[BENEFITS].signer
    await meets("manifest-invalid")
    wrong.members["bus"] = "sx.example"
    await meets("signature-invalid")
    wrong.members["sender"] = BENEFITS
    await meets("sender-suspended")
    await running.change(Change("system", {"id": BENEFITS, "state": "active"}))
    for one in exhaust:
        await running.outcome(one)
    await meets("rate-exceeded")
    running.clock.ahead_ms += 1_000
    await meets("message-id-reused")
    old_ms = running.clock() - 3 * DAY_MS
    wrong.members["id"] = new_message_id(old_ms)
    wrong.members["created_ms"] = old_ms
    await meets("message-stale")
    wrong.members["id"] = new_message_id(running.clock())
    await meets("manifest-invalid")
    wrong.members["created_ms"] = running.clock()
    wrong.members["expires_ms"] = running.clock() - 1
    await meets("message-expired")
    del wrong.members["expires_ms"]
    await meets("unsupported-version")
    wrong.parts = [PartIn(BAD)]
    await meets("not-allowed")
    wrong.members["service"] = POPULATION
    await meets("purpose-required")
    wrong.members["purpose"] = "child-benefit"
    assert await running.outcome(running.ask(POPULATION)) == "accepted"
    await meets("quota-exceeded")
    await running.change(Change("system", {"id": STATISTICS, "mailbox_max": 2}))
    await meets("commitment-mismatch")
    wrong.altered = False
    await meets("payload-invalid")
    wrong.parts = [PartIn(GOOD)]
    await meets("accepted")
    return codes, expected

"""A database that is behind what was signed: what is put aside, what is frozen, how to go on."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from exchange.ledger.marks import Marks
from exchange.ledger.stored_log import read_leaves
from exchange.operation.preparing import open_successor, prepare_logs
from exchange.operation.restoring import NothingToRestore
from exchange.operation.roles import Role
from signing.errors import SealwayError
from signing.jws import RECORD, decode_jws
from signing.log.leaf import parse_leaf
from tests.support.agencies import POPULATION
from tests.support.bus import RunningBus
from tests.support.shared_bus import Start, database, start

__all__ = ["database", "start"]
REASON = "The disk of the database was lost; last night's copy was put back."


@dataclass
class Signed:
    """What the signer's file says of a log."""

    folder: Path

    def ahead(self, origin: str, leaves: int) -> None:
        """As if so many leaves more had been signed that the database doesn't hold."""
        marks = Marks(self.folder / "state" / "marks")
        mark = marks.of(origin)
        assert mark is not None
        marks.advance(origin, (mark.size, mark.root), mark.size + leaves, bytes(32))
        marks.close()


async def record_of(bus: RunningBus, shard: int, index: int) -> dict[str, object]:
    stored = await bus.bus.api.reads.record(shard, index)
    assert stored is not None
    return dict(json.loads(decode_jws(stored[0], RECORD).payload))


async def test_a_traffic_log_behind_its_mark_is_put_aside_and_the_bus_goes_on(
    start: Start,
) -> None:
    bus = await start(Role.GATEWAY)
    assert await bus.outcome(bus.ask(POPULATION)) == "accepted"
    await bus.close()
    Signed(bus.folder).ahead("sx.example/log/1", 5)
    again = await start(Role.GATEWAY)
    assert again.bus.api.why_not_ready() is None
    assert 1 not in again.writers
    assert await again.outcome(again.ask(POPULATION)) == "accepted"
    frozen = await again.bus.api.reads.head(1)
    assert frozen is not None
    assert (frozen.state, frozen.size) == ("frozen", 1)
    log = again.writers[0]
    records = [
        await record_of(again, 0, index)
        for index, leaf in enumerate(await read_leaves(again.bus.api.reads, 0, 0, log.head.size))
        if parse_leaf(leaf).k == "shard"
    ]
    last = records[-1]
    assert last["act"] == "shard-frozen"
    after = last["after"]
    assert isinstance(after, dict)
    assert (after["n"], after["state"], after["size"]) == (1, "frozen", 6)


async def test_behind_log_zero_nothing_is_accepted_until_a_person_has_decided(
    start: Start,
) -> None:
    bus = await start(Role.GATEWAY)
    question = bus.ask(POPULATION)
    accepted = await bus.send(question)
    size_found = bus.writers[0].head.size
    await bus.close()
    Signed(bus.folder).ahead("sx.example/log/0", 3)
    frozen = await start(Role.GATEWAY)
    why = frozen.bus.api.why_not_ready()
    assert why is not None
    assert "frozen" in why
    assert await frozen.outcome(frozen.ask(POPULATION)) == "log-unavailable"
    assert await frozen.bus.api.receipts.receipt(accepted.place), "reading goes on"
    await frozen.close()
    with pytest.raises(SealwayError):
        await prepare_logs(bus.settings)
    new = await open_successor(bus.settings, REASON)
    assert (new.origin, new.closed) == ("sx.example/log/0.1", "sx.example/log/0")
    assert new.size_found < new.size_signed
    assert new.size_signed >= size_found + 3
    assert min(new.opened) > 3, "numbers are never used again"
    with pytest.raises(NothingToRestore):
        await open_successor(bus.settings, REASON)
    going_on = await start(Role.GATEWAY)
    assert going_on.bus.api.why_not_ready() is None
    assert await going_on.outcome(going_on.ask(POPULATION)) == "accepted"
    assert await going_on.outcome(question) == "again", "what is there is there"
    leaf_0 = await record_of(going_on, -1, 0)
    after = leaf_0["after"]
    assert isinstance(after, dict)
    assert after["closed"] == "sx.example/log/0"
    assert after["reason"] == REASON
    told = [(one.n, one.origin) for one in await going_on.bus.api.tell_logs()]
    assert told[0] == (0, "sx.example/log/0.1")


async def test_there_is_nothing_to_restore_where_log_zero_continues(start: Start) -> None:
    bus = await start(Role.GATEWAY)
    await bus.close()
    with pytest.raises(NothingToRestore):
        await open_successor(bus.settings, REASON)

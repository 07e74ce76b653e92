"""Schemas through several processes on one PostgreSQL: one id each, one version for everybody."""

import asyncio

from exchange.acceptance.registration import Proposal, Registered
from exchange.operation.roles import Role
from registry.nouns import Noun
from tests.support.agencies import POPULATION, schema, service
from tests.support.bus import FOUNDER as OPERATOR
from tests.support.bus import RunningBus
from tests.support.shared_bus import Start, database, start

__all__ = ["database", "start"]

TEXT = '{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "%d"}'
WIDER = schema(
    "question",
    properties={"person_code": {"type": "string", "pattern": "^[0-9]{1,11}$"}, "note": {}},
    required=["person_code"],
)
WITH_NOTE = {"person_code": "38001010001", "note": "urgent"}


async def register(bus: RunningBus, number: int) -> Registered:
    """Register the schema of that number through one process."""
    proposal = Proposal("permit", TEXT % number)
    return await bus.bus.api.registration.register(proposal, OPERATOR)


async def test_the_same_schema_through_many_processes_at_once_has_one_id(start: Start) -> None:
    buses = [await start(Role.GATEWAY) for _ in range(2)]
    done = await asyncio.gather(
        *(register(bus, number) for bus in buses for number in (1, 2) for _ in range(2))
    )
    ids = {(one.schema.fingerprint, one.schema.id, one.schema.version) for one in done}
    assert len(ids) == 2
    assert sorted(one.schema.version for one in done if one.is_new) == [1, 2]
    for bus in buses:
        await bus.bus.api.directory.refresh()
        found = [one.to_object() for one in bus.bus.api.directory.current.objects(Noun.SCHEMA)]
        assert sorted(one["id"] for one in found) == list(range(1, len(found) + 1))


async def test_a_version_switched_elsewhere_binds_the_next_message_here(start: Start) -> None:
    one, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    assert await one.outcome(one.ask(POPULATION, content=WITH_NOTE)) == "payload-undeclared"
    await other.change(WIDER, service(POPULATION, request_schema={"subject": "question"}))
    assert one.bus.api.directory.version < other.bus.api.directory.version, "it knows nothing yet"
    assert await one.outcome(one.ask(POPULATION, content=WITH_NOTE)) == "accepted"
    await other.change(
        schema("narrow", properties={}, required=["never"]),
        service(POPULATION, request_schema={"subject": "narrow"}),
    )
    assert await one.outcome(one.ask(POPULATION)) == "payload-invalid"

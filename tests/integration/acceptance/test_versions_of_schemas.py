"""Which version of a schema a message is held to, and what may be in it beside the declared."""

from typing import Any

import pytest

from exchange.storage.rows import GroupPlan
from registry.changes import Change
from registry.nouns import Noun
from schemas.errors import PayloadUndeclared
from signing.errors import SealwayError
from tests.support.agencies import POPULATION, schema, service
from tests.support.bus import RunningBus

CODE = {"person_code": {"type": "string", "pattern": "^[0-9]{1,11}$"}}
WIDER = schema(
    "question", properties={**CODE, "note": {"type": "string"}}, required=["person_code"]
)
ASKED = {"person_code": "38001010001"}
WITH_NOTE = {**ASKED, "note": "urgent"}


def rules(**members: str) -> Change:
    """The change that sets how versions of the question follow each other."""
    return Change("subject", {"subject": "question", **members})


def key_of(running: RunningBus) -> str:
    """The newest version of the question."""
    found = running.bus.api.directory.current.schema_latest("question")
    assert found is not None
    return found.fingerprint


async def test_a_field_that_the_schema_does_not_declare_is_refused_unless_policy_is_strict(
    running: RunningBus,
) -> None:
    assert await running.outcome(running.ask(POPULATION, content=WITH_NOTE)) == "payload-undeclared"
    assert await running.outcome(running.ask(POPULATION, content=ASKED)) == "accepted"
    await running.change(rules(policy="STRICT"))
    assert await running.outcome(running.ask(POPULATION, content=WITH_NOTE)) == "accepted"
    await running.change(rules(policy="EVOLVE"))
    assert await running.outcome(running.ask(POPULATION, content=WITH_NOTE)) == "payload-undeclared"


async def test_the_bus_wide_policy_holds_where_the_subject_says_nothing(
    running: RunningBus,
) -> None:
    await running.change(Change("policy", {"schema_policy": "STRICT"}))
    assert await running.outcome(running.ask(POPULATION, content=WITH_NOTE)) == "accepted"


async def test_an_answer_with_undeclared_fields_is_refused_too(running: RunningBus) -> None:
    asked = running.ask(POPULATION)
    assert await running.outcome(asked) == "accepted"
    said = running.reply(asked, content={"status": "alive", "secret": 1})
    assert await running.outcome(said) == "payload-undeclared"
    assert await running.outcome(running.reply(asked)) == "accepted"


async def test_a_refusal_of_undeclared_fields_tells_no_name_of_the_payload(
    running: RunningBus,
) -> None:
    asked = running.ask(POPULATION, content={**ASKED, "jane.doe@example.org": 1})
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the edge's wrapper isn't an error of ours
        await running.send(asked)
    error: Any = getattr(caught.value, "error", None)
    assert isinstance(error, PayloadUndeclared)
    assert "jane" not in str(error) + repr(error.errors)


async def test_a_version_in_between_check_and_commit_is_the_one_that_binds(
    running: RunningBus,
) -> None:
    """Whoever switches the version while a message is under way switches it for that message."""
    await running.change(WIDER)
    raced = False

    async def race(plan: GroupPlan) -> None:
        nonlocal raced
        if plan.shard == 1 and not raced:
            raced = True
            await running.change(
                Change("subject", {"subject": "narrow", "level": "NONE"}),
                schema("narrow", properties={}, required=["never"]),
                service(POPULATION, request_schema={"subject": "narrow"}),
            )

    running.store.before_commit = race
    assert await running.outcome(running.ask(POPULATION)) == "payload-invalid"
    assert raced


async def test_a_version_that_came_after_the_envelope_was_checked_admits_its_fields(
    running: RunningBus,
) -> None:
    asked = running.ask(POPULATION, content=WITH_NOTE)
    arrival: Any = await running.bus.api.acceptance.arrive(asked.envelope)
    await running.change(WIDER, service(POPULATION, request_schema={"subject": "question"}))
    accepted = await running.bus.api.acceptance.take(arrival, asked.parts)
    assert not accepted.again


async def test_drafts_are_used_by_nobody_and_deprecated_versions_go_on(
    running: RunningBus,
) -> None:
    drafted = Change("schema", {**(WIDER.object or {}), "state": "draft"})
    recorded = await running.change(drafted)
    draft = recorded.facts[0].fact.key
    with pytest.raises(SealwayError, match="is draft"):
        await running.change(service(POPULATION, request_schema=draft))
    await running.change(Change("schema", {"state": "active"}, draft))
    first = running.bus.api.directory.current.schema_versions("question")[0]
    ended = {"state": "deprecated", "successor": draft, "sunset": "2099-01-01T00:00:00.000Z"}
    await running.change(Change("schema", ended, first.fingerprint))
    assert await running.outcome(running.ask(POPULATION)) == "accepted"
    with pytest.raises(SealwayError, match="places of services: 3"):
        await running.change(Change("schema", {"state": "retired"}, first.fingerprint))
    moved = [
        Change("service", {"request_schema": draft}, one.key)
        for one in running.bus.api.directory.current.objects(Noun.SERVICE)
    ]
    await running.change(*moved)
    gone = await running.change(Change("schema", {"state": "retired"}, first.fingerprint))
    assert gone.facts[0].fact.act == "schema-retired"
    assert running.bus.api.directory.current.schema_by_id(first.id) is not None
    assert key_of(running) == draft

"""Answers: whose question, in time, once; each mismatch has the one code."""

import asyncio
from dataclasses import replace

import pytest

from exchange.acceptance.accept import Refused
from signing.compose import PartIn, answer_draft, compose
from signing.encoding import b64url_encode
from signing.identifiers import Code, new_message_id
from signing.log.leaf import parse_leaf
from signing.log.merkle import leaf_hash
from signing.manifest import About
from tests.support.agencies import (
    BENEFITS,
    CIVIL,
    NAME_CHANGE,
    POPULATION,
    STATISTICS,
    grant,
    service,
)
from tests.support.bus import RunningBus

HOUR_MS = 3_600_000


async def test_an_answer_ends_its_exchange_and_refers_to_its_request(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    asked = await running.send(request)
    answered = await running.send(running.reply(request))
    assert await running.state(request) == "answered"
    assert (await running.delivery(request)).state == "done"
    leaf = parse_leaf(answered.place.leaf)
    assert (leaf.k, leaf.sender, leaf.to) == ("response", STATISTICS, BENEFITS)
    assert leaf.ref == b64url_encode(leaf_hash(asked.place.leaf))


async def test_a_rejection_ends_its_exchange_too(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    assert await running.outcome(running.reject(request)) == "accepted"
    assert await running.state(request) == "rejected"


async def test_the_same_answer_again_gets_its_first_place(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    reply = running.reply(request)
    first = await running.send(reply)
    assert (await running.send(reply)).place == first.place


async def test_a_second_answer_is_refused(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    assert await running.outcome(running.reply(request)) == "accepted"
    assert await running.outcome(running.reply(request)) == "already-answered"
    assert await running.outcome(running.reject(request)) == "already-answered"


async def test_of_ten_answers_at_once_one_wins(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    answers = [running.reply(request) for _ in range(9)] + [running.reject(request)]
    outcomes = await asyncio.gather(*(running.outcome(one) for one in answers))
    assert sorted(outcomes) == ["accepted"] + ["already-answered"] * 9


async def test_an_answer_to_a_question_that_nobody_asked_is_refused(running: RunningBus) -> None:
    assert await running.outcome(running.reply(running.ask(POPULATION))) == "answer-not-expected"


async def test_an_answer_to_a_refused_question_is_refused(running: RunningBus) -> None:
    request = running.ask(POPULATION, purpose="curiosity")
    assert await running.outcome(request) == "purpose-required"
    assert await running.outcome(running.reply(request)) == "answer-not-expected"


@pytest.mark.parametrize(
    "members",
    [
        {"sender": CIVIL},
        {"to": CIVIL},
        {"service": NAME_CHANGE},
        {"test": True},
    ],
    ids=["from somebody else", "to somebody else", "another service", "another test flag"],
)
async def test_an_answer_with_other_parties_is_refused(
    running: RunningBus, members: dict[str, object]
) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    assert await running.outcome(running.reply(request, **members)) == "answer-not-expected"
    assert await running.state(request) == "open"


async def test_an_answer_is_about_these_words_and_not_only_this_id(running: RunningBus) -> None:
    request, other = running.ask(POPULATION), running.ask(POPULATION)
    await running.send(request)
    await running.send(other)
    about = About(request.manifest.id, other.digest)
    assert await running.outcome(running.reply(request, about=about)) == "answer-not-expected"
    about = About(other.manifest.id, request.digest)
    assert await running.outcome(running.reply(request, about=about)) == "answer-not-expected"


async def test_an_answer_is_no_question(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    reply = running.reply(request)
    await running.send(reply)
    back = answer_draft(
        replace(reply.manifest, to=BENEFITS, sender=STATISTICS),
        reply.digest,
        "response",
        running.clock(),
    )
    answer = compose(back, [PartIn(b'{"status":"x"}')], running.keys[BENEFITS].signer)
    assert await running.outcome(answer) == "answer-not-expected"


@pytest.mark.parametrize("restarted", [False, True], ids=["from memory", "from storage"])
async def test_an_answer_counts_until_its_time_is_over(
    running: RunningBus, restarted: bool
) -> None:
    await running.change(service(POPULATION, deadline_s=3600))
    early, late = running.ask(POPULATION), running.ask(POPULATION)
    await running.send(early)
    await running.send(late)
    if restarted:
        await running.restart()
    running.clock.ahead_ms = HOUR_MS - 60_000
    assert await running.outcome(running.reply(early)) == "accepted"
    running.clock.ahead_ms = HOUR_MS + 60_000
    assert await running.outcome(running.reply(late)) == "answer-late"
    assert await running.until(late, "expired") == "expired"
    assert await running.outcome(running.reply(late)) == "answer-late"


async def test_expires_ends_the_time_to_answer_sooner_than_the_deadline(
    running: RunningBus,
) -> None:
    request = running.ask(POPULATION, expires_ms=running.clock() + 60_000)
    await running.send(request)
    running.clock.ahead_ms = 61_000
    assert await running.outcome(running.reply(request)) == "answer-late"


async def test_an_answer_is_accepted_though_the_grant_has_ended(running: RunningBus) -> None:
    """The right was checked when the question was accepted; the answer is owed."""
    request = running.ask(POPULATION)
    await running.send(request)
    await running.change(grant(POPULATION, state="withdrawn"))
    assert await running.outcome(running.reply(request)) == "accepted"


async def test_an_answer_that_breaks_its_schema_is_refused_and_the_exchange_stays_open(
    running: RunningBus,
) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    with pytest.raises(Refused) as refused:
        await running.send(running.reply(request, content={"status": 7}))
    assert refused.value.error.code == "payload-invalid"
    assert await running.state(request) == "open"
    assert await running.outcome(running.reply(request)) == "accepted"


@pytest.mark.parametrize(
    ("context", "outcome"),
    [
        (b'{"text":"No such person."}', "accepted"),
        (b'{"text":7}', "payload-invalid"),
        (b'{"words":"x"}', "payload-invalid"),
        (b'{"text":"' + b"x" * 4_001 + b'"}', "payload-invalid"),
        (b"not json", "payload-invalid"),
    ],
)
async def test_a_rejection_explains_itself_in_one_text(
    running: RunningBus, context: bytes, outcome: str
) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    now_ms = running.clock()
    draft = answer_draft(
        request.manifest, request.digest, "rejection", now_ms, reason=Code("no-data")
    )
    no = compose(draft, [PartIn(context, "context")], running.keys[STATISTICS].signer)
    assert await running.outcome(no) == outcome


async def test_an_answers_id_is_its_own(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    same = running.reply(request, id=request.manifest.id)
    assert await running.outcome(same) == "message-id-reused"
    fresh = running.reply(request, id=new_message_id(running.clock()))
    assert await running.outcome(fresh) == "accepted"

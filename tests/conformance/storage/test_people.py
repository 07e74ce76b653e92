"""People and asks: the same on every engine."""

import asyncio
from dataclasses import replace

import pytest

from exchange.storage.people import StoredAsk, StoredPerson
from exchange.storage.port import LeasedStore
from tests.conformance.storage.conftest import Engine
from tests.conformance.storage.rows import NOW

ANNA = StoredPerson(
    "p1", "Anna Tamm", "integrator", "sx/GOV/1001", b"a" * 32, "person:founder", NOW, NOW + 1000
)
ASK = StoredAsk("g1", "sx/GOV/1001/a", "sx/GOV/2002/b", "status", "{}", "person:p1", NOW)
MEMBER = "sx/GOV/1001"


@pytest.fixture
def people_store(store: LeasedStore) -> LeasedStore:
    """The store, seen with its people."""
    return store


async def test_a_person_is_found_by_the_hash_of_the_token(people_store: LeasedStore) -> None:
    people = people_store.people
    assert await people.add_person(ANNA)
    assert await people.person_of(b"a" * 32) == ANNA
    assert await people.person("p1") == ANNA
    assert await people.person_of(b"b" * 32) is None
    assert await people.person("p2") is None


async def test_no_two_people_share_an_id_or_a_token(people_store: LeasedStore) -> None:
    people = people_store.people
    assert await people.add_person(ANNA)
    assert not await people.add_person(replace(ANNA, token_hash=b"b" * 32, name="Other"))
    assert not await people.add_person(replace(ANNA, id="p2"))
    assert await people.persons("", 10) == [ANNA]


async def test_an_end_is_for_ever_and_the_first_time_stays(engine: Engine) -> None:
    async with engine() as store:
        people = store.people  # type: ignore[attr-defined]
        await people.add_person(ANNA)
        ended = replace(ANNA, revoked_at_ms=NOW + 5)
        assert await people.revoke_person("p1", NOW + 5) == ended
        assert await people.revoke_person("p1", NOW + 9) == ended
        assert await people.revoke_person("p9", NOW) is None
    async with engine() as again:
        assert await again.people.person_of(b"a" * 32) == ended  # type: ignore[attr-defined]


async def test_people_are_listed_in_order_of_their_ids(people_store: LeasedStore) -> None:
    people = people_store.people
    some = [replace(ANNA, id=id_, token_hash=id_.encode() * 16) for id_ in ("pz", "pB", "pa")]
    for one in some:
        assert await people.add_person(one)
    assert [one.id for one in await people.persons("", 2)] == ["pB", "pa"]
    assert [one.id for one in await people.persons("pa", 2)] == ["pz"]


async def test_an_ask_ends_once(people_store: LeasedStore) -> None:
    people = people_store.people
    assert await people.add_ask(ASK, MEMBER, 9)
    assert not await people.add_ask(replace(ASK, service="other"), MEMBER, 9)
    assert await people.ask("g1") == ASK
    refused = replace(
        ASK, ended="refused", ended_by="person:p2", ended_at_ms=NOW + 1, reason="No basis."
    )
    withdrawn = replace(ASK, ended="withdrawn", ended_by="person:p1", ended_at_ms=NOW + 2)
    assert await people.swap_ask(ASK, refused) == refused
    assert await people.swap_ask(ASK, withdrawn) == refused
    assert await people.swap_ask(replace(refused, ended_at_ms=NOW), withdrawn) == refused
    assert await people.swap_ask(refused, ASK) == ASK
    nobodys = replace(ASK, id="g9")
    assert await people.swap_ask(nobodys, replace(nobodys, ended="refused")) is None


async def test_of_two_ends_at_once_one_is_kept(people_store: LeasedStore) -> None:
    people = people_store.people
    assert await people.add_ask(ASK, MEMBER, 9)
    ends = [replace(ASK, ended=one, ended_at_ms=NOW) for one in ("given", "withdrawn")]
    found = await asyncio.gather(*(people.swap_ask(ASK, end) for end in ends))
    assert found[0] == found[1] == await people.ask("g1")


async def test_asks_at_once_stop_at_the_limit(people_store: LeasedStore) -> None:
    people = people_store.people
    some = [replace(ASK, id=f"g{n}") for n in range(6)]
    kept = await asyncio.gather(*(people.add_ask(one, MEMBER, 2) for one in some))
    assert sorted(kept) == [False] * 4 + [True] * 2
    assert len(await people.asks(None, "", 10)) == 2


async def test_asks_are_listed_and_counted_by_member(people_store: LeasedStore) -> None:
    people = people_store.people
    other = replace(ASK, id="g2", consumer="sx/GOV/10/c", system="sx/GOV/20/d")
    for one in (ASK, other, replace(ASK, id="g3", consumer="sx/GOV/10/x")):
        await people.add_ask(one, "sx/GOV/10", 2)
    assert [one.id for one in await people.asks(None, "", 10)] == ["g1", "g2", "g3"]
    assert [one.id for one in await people.asks("sx/GOV/2002", "", 10)] == ["g1", "g3"]
    assert [one.id for one in await people.asks("sx/GOV/10", "g2", 10)] == ["g3"]
    assert await people.asks("sx/GOV/1", "", 10) == []
    fourth = replace(other, id="g4")
    assert not await people.add_ask(fourth, "sx/GOV/10", 2)
    await people.swap_ask(other, replace(other, ended="withdrawn", ended_at_ms=NOW))
    assert await people.add_ask(fourth, "sx/GOV/10", 2)

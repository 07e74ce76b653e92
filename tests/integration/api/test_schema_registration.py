"""Registering versions of a schema over HTTP: yes, no and unknown, and who decides."""

import asyncio
from functools import partial
from typing import Any

import httpx
import pytest

from schemas.compatibility.verdicts import Answer, Judged
from sealway.comparing import Worker
from tests.support.http import FOUNDER, Edge, code_of
from tests.support.refused_schemas import latest

LONG_S = 10  # only what hangs takes so long, on a busy machine too
SUBJECT = "permit.request"
FIRST = latest(type="object", properties={"a": {"type": "string"}}, required=["a"])
WIDER = latest(
    type="object", properties={"a": {"type": "string"}, "b": {"type": "integer"}}, required=["a"]
)
BREAKING = latest(type="object", properties={"a": {"type": "integer"}}, required=["a"])


async def changed(edge: Edge, *changes: dict[str, Any]) -> httpx.Response:
    """A set of changes, by the founder."""
    return await edge.post("/v1/changes", {"changes": list(changes)}, FOUNDER)


def added(text: str, **more: Any) -> dict[str, Any]:
    """The change that registers a version."""
    return {"noun": "schema", "object": {"subject": SUBJECT, "text": text} | more}


async def test_a_version_that_widens_follows_and_one_that_breaks_is_refused_with_a_witness(
    edge: Edge,
) -> None:
    assert (await changed(edge, added(FIRST))).json()["changed"] == 1
    assert (await changed(edge, added(WIDER))).json()["changed"] == 1
    refused = await changed(edge, added(BREAKING))
    assert code_of(refused) == "schema-incompatible"
    report = refused.json()["report"]
    assert report["answer"] == "no"
    assert {one["version"] for one in report["findings"]} == {1, 2}
    assert all(one["witness"]["instance"] is not None for one in report["findings"])
    assert "type" in {change["keyword"] for one in report["findings"] for change in one["changes"]}


async def test_a_set_is_judged_as_a_whole_and_a_lower_level_is_a_record(edge: Edge) -> None:
    level = {"noun": "subject", "object": {"subject": SUBJECT, "level": "NONE"}}
    assert code_of(await changed(edge, added(FIRST), added(BREAKING))) == "schema-incompatible"
    done = (await changed(edge, level, added(FIRST), added(BREAKING))).json()
    assert [one["act"] for one in done["facts"]] == ["subject-added", *["schema-added"] * 2]
    strict = {"noun": "subject", "object": {"subject": SUBJECT, "level": "BACKWARD"}}
    assert (await changed(edge, strict)).json()["facts"][0]["act"] == "subject-changed"
    assert code_of(await changed(edge, added(latest(type="array")))) == "schema-incompatible"


@pytest.fixture
def unknowing(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*_: Any) -> Judged:
        return Judged(Answer.UNKNOWN, "Can't tell.")

    monkeypatch.setattr(Worker, "judge", judge)


@pytest.mark.usefixtures("unknowing")
async def test_an_unknown_is_refused_unless_a_named_person_decides(edge: Edge) -> None:
    await changed(edge, added(FIRST))
    refused = await changed(edge, added(WIDER))
    assert code_of(refused) == "schema-undecided"
    assert refused.json()["report"]["answer"] == "unknown"
    assert code_of(await changed(edge, {**added(WIDER), "decision": " "})) == "request-invalid"
    done = await changed(edge, {**added(WIDER), "decision": "Both sides are ours"})
    key = done.json()["facts"][0]["key"]
    found = (await edge.get(f"/v1/schemas/{key}", FOUNDER)).json()
    assert found["compatibility"] == {
        "answer": "unknown",
        "level": "FULL_TRANSITIVE",
        "policy": "EVOLVE",
        "against": [1],
        "decision": {"by": "person:founder", "why": "Both sides are ours"},
    }
    forged = {**added(latest(title="z")), "decision": "yes"}
    forged["object"]["compatibility"] = found["compatibility"]
    assert code_of(await changed(edge, forged)) == "request-invalid"


async def test_the_same_schema_registered_by_many_at_once_is_one_with_one_id(edge: Edge) -> None:
    replies = await asyncio.gather(*(changed(edge, added(FIRST)) for _ in range(6)))
    assert sorted(one.json()["changed"] for one in replies) == [0] * 5 + [1]
    items = (await edge.get("/v1/schemas", FOUNDER)).json()["items"]
    assert len([one for one in items if one["subject"] == SUBJECT]) == 1
    assert len({one["id"] for one in items}) == len(items)


def _recursive(count: int, **leaf: Any) -> str:
    """A tree with so many alternatives at each node, the first of them a leaf."""
    nodes = [
        {"type": "object", "required": [f"k{i}"], "properties": {f"k{i}": {"$ref": "#/$defs/n"}}}
        for i in range(count)
    ]
    return latest(**{"$ref": "#/$defs/n", "$defs": {"n": {"oneOf": [leaf, *nodes]}}})


def _fields(count: int, type_: str) -> str:
    return latest(type="object", properties={f"f{i}": {"type": type_} for i in range(count)})


HARD: dict[str, tuple[str, str]] = {
    "recursion": (
        latest(type="object", properties={"c": {"items": {"$ref": "#"}}}),
        latest(type="object", properties={"c": {"items": {"$ref": "#"}}, "d": {"type": "null"}}),
    ),
    "12 recursive alternatives": (
        _recursive(12, type="string"), _recursive(12, type="string", maxLength=5),
    ),
    "4,000 fields": (_fields(4_000, "string"), _fields(4_000, "integer")),
    "150 kB of pattern": (
        latest(pattern=f"^({'ab|' * 50_000}c)$"), latest(pattern=f"^({'ab|' * 50_000}d)$"),
    ),
}  # fmt: skip


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus whose comparisons may take a second each."""
    monkeypatch.setattr("exchange.acceptance.comparing.Worker", partial(Worker, time_s=1.0))


@pytest.mark.parametrize(("first", "second"), HARD.values(), ids=HARD)
async def test_a_hard_comparison_is_answered_in_time_while_the_bus_goes_on(
    impatient: None, edge: Edge, first: str, second: str
) -> None:
    assert (await changed(edge, added(first))).status_code == 200
    asking = asyncio.create_task(changed(edge, added(second)))
    while not asking.done():
        async with asyncio.timeout(LONG_S):
            assert await edge.running.outcome(edge.running.ask()) == "accepted"
        await asyncio.sleep(0.1)
    answer = await asking
    if answer.status_code != 200:
        assert code_of(answer) in ("schema-incompatible", "schema-undecided")
        assert len(answer.content) < 1_000_000
    assert (await changed(edge, added(latest(title="x"), subject="next"))).status_code == 200

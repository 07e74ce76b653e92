"""Schemas over HTTP from draft to retired: what each step asks, tells and leaves behind."""

from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from tests.support.agencies import BENEFITS, POPULATION, STATISTICS
from tests.support.http import FOUNDER, Edge, code_of, integrator
from tests.support.refused_schemas import latest

FIRST = {"properties": {"a": {"type": "string"}}, "type": "object"}
WIDER = {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "type": "object"}
OURS = integrator("sx/GOV/1001")
SUNSET = "2099-06-30T00:00:00.000Z"


async def register(edge: Edge, subject: str = "permit", **more: Any) -> httpx.Response:
    """Register a schema; ``schema`` are its keywords."""
    keywords = more.pop("schema", FIRST)
    return await edge.post(
        "/v1/schemas", {"subject": subject, "text": latest(**keywords), **more}, FOUNDER
    )


async def change(edge: Edge, key: str, **members: Any) -> httpx.Response:
    """Change a schema from what it is now."""
    path = f"/v1/schemas/{key}"
    tag = (await edge.get(path, FOUNDER)).headers["etag"]
    return await edge.call("PUT", path, FOUNDER, json=members, headers={"if-match": tag})


async def bound(edge: Edge, role: str = "request_schema") -> str:
    """The fingerprint that the population service speaks."""
    found = await edge.get(f"/v1/services/{STATISTICS}/{POPULATION}", FOUNDER)
    return str(found.json()[role])


async def test_a_registration_answers_with_the_report_and_whom_it_touches(edge: Edge) -> None:
    first = await register(edge)
    assert (first.status_code, first.json()["report"]) == (201, None)
    second = (await register(edge, schema=WIDER)).json()
    assert (second["version"], second["report"]["answer"]) == (2, "yes")
    assert second["touched"]["services"] == []
    question = {"person_code": {"type": "string", "pattern": "^[0-9]{1,11}$"}, "note": {}}
    wider = {"type": "object", "properties": question, "required": ["person_code"]}
    touched = (await register(edge, "question", schema=wider)).json()["touched"]
    assert {one["role"] for one in touched["services"]} == {"request"}
    assert len(touched["services"]) == 3
    assert BENEFITS in {one["consumer"] for one in touched["consumers"]}


async def test_a_check_changes_nothing_and_tells_all(edge: Edge) -> None:
    await register(edge)
    before = edge.running.bus.api.directory.version
    asked = {"subject": "permit", "text": latest(type="array")}
    checked = (await edge.post("/v1/schemas/check", asked, FOUNDER)).json()
    assert (checked["answer"], checked["registered"]) == ("no", None)
    assert checked["rules"] == {"level": "FULL_TRANSITIVE", "policy": "EVOLVE"}
    assert checked["report"]["findings"][0]["witness"]["instance"] is not None
    loose = (await edge.post("/v1/schemas/check", {**asked, "level": "NONE"}, FOUNDER)).json()
    assert loose["answer"] == "yes"
    same = {"subject": "permit", "text": latest(**FIRST)}
    found = (await edge.post("/v1/schemas/check", same, FOUNDER)).json()
    assert found["registered"]["version"] == 1
    assert edge.running.bus.api.directory.version == before
    wrong = await edge.post("/v1/schemas/check", {**asked, "level": "SOME"}, FOUNDER)
    assert wrong.json()["errors"][0]["pointer"] == "/level"
    assert code_of(await edge.post("/v1/schemas/check", asked, BENEFITS)) == "role-missing"


async def test_only_a_draft_is_deleted_and_its_id_is_given_to_nothing_else(edge: Edge) -> None:
    draft = (await register(edge, state="draft")).json()
    assert draft["state"] == "draft"
    path = f"/v1/schemas/{draft['fingerprint']}"
    assert code_of(await edge.get(path, BENEFITS)) == "not-found"
    deleted = await edge.call("DELETE", path, FOUNDER)
    assert deleted.json()["state"] == "withdrawn"
    listed = (await edge.get("/v1/schemas?subject=permit", FOUNDER)).json()
    assert listed["items"] == []
    other = (await register(edge, schema=WIDER)).json()
    assert (other["id"], other["version"]) == (draft["id"] + 1, 2)
    kept = f"/v1/schemas/{other['fingerprint']}"
    assert code_of(await edge.call("DELETE", kept, FOUNDER)) == "conflict"
    again = (await register(edge)).json()
    assert (again["id"], again["version"], again["state"]) == (draft["id"], 1, "active")


async def test_a_deprecated_schema_tells_its_end_wherever_it_is_used(edge: Edge) -> None:
    quiet = await edge.send(edge.running.ask(POPULATION))
    assert "deprecation" not in quiet.headers
    key = await bound(edge)
    question = {"person_code": {"type": "string", "pattern": "^[0-9]{1,11}$"}, "note": {}}
    wider = {"type": "object", "properties": question, "required": ["person_code"]}
    successor = (await register(edge, "question", schema=wider)).json()["fingerprint"]
    ended = await change(edge, key, state="deprecated", sunset=SUNSET, successor=successor)
    assert len(ended.json()["touched"]["services"]) == 3
    at = f"@{edge.running.clock() // 1000}"
    replies = [
        await edge.send(edge.running.ask(POPULATION)),
        await edge.get(f"/v1/schemas/{key}", FOUNDER),
        ended,
    ]
    for reply in replies:
        assert int(reply.headers["deprecation"][1:]) <= int(at[1:])
        assert parsedate_to_datetime(reply.headers["sunset"]).year == 2099
        assert f'</v1/schemas/{successor}>; rel="successor-version"' in reply.headers["link"]
    active = await change(edge, key, state="active")
    assert "deprecation" not in active.headers
    assert not {"deprecated_at", "sunset", "successor"} & set(active.json())


async def test_an_answer_of_a_deprecated_schema_tells_its_end(edge: Edge) -> None:
    key = await bound(edge, "response_schema")
    await change(edge, key, state="deprecated")
    asked = edge.running.ask(POPULATION)
    assert "deprecation" not in (await edge.send(asked)).headers
    await edge.send(edge.running.reply(asked))
    path = f"/v1/messages/{asked.manifest.id}/answer"
    answer = await edge.get(path, BENEFITS)
    assert answer.status_code == 200
    assert answer.headers["deprecation"].startswith("@")


async def test_a_schema_in_use_does_not_retire_and_a_retired_one_is_read_by_its_id(
    edge: Edge,
) -> None:
    key = await bound(edge)
    refused = await change(edge, key, state="retired")
    assert code_of(refused) == "schema-in-use"
    assert {one["service"] for one in refused.json()["touched"]["services"]} >= {
        f"{STATISTICS}/{POPULATION}"
    }
    free = (await register(edge)).json()
    gone = await change(edge, free["fingerprint"], state="retired")
    assert gone.json()["state"] == "retired"
    found = await edge.get(f"/v1/schemas/{free['id']}", FOUNDER)
    assert (found.json()["fingerprint"], found.json()["text"]) == (
        free["fingerprint"],
        latest(**FIRST),
    )
    assert code_of(await change(edge, free["fingerprint"], state="active")) == "conflict"
    versions = (await register(edge, schema={"type": "array"})).json()
    assert versions["report"] is None, "nothing is compared with what has retired"


async def test_rules_of_a_subject_are_read_and_changed_at_their_own_address(edge: Edge) -> None:
    made = await edge.post("/v1/subjects", {"subject": "permit", "level": "BACKWARD"}, FOUNDER)
    assert made.status_code == 201
    listed = (await edge.get("/v1/schemas?subject=permit", FOUNDER)).json()
    assert listed["rules"] == {"level": "BACKWARD", "policy": "EVOLVE"}
    wrong = await edge.post("/v1/subjects", {"subject": "other", "level": "SOME"}, FOUNDER)
    assert code_of(wrong) == "request-invalid"
    tag = made.headers["etag"]
    back = await edge.call(
        "PUT", "/v1/subjects/permit", FOUNDER, json={"level": None}, headers={"if-match": tag}
    )
    assert back.json() == {"subject": "permit"}


async def test_an_integrator_registers_under_its_members_name_and_is_told_of_nobody_else(
    edge: Edge,
) -> None:
    own = {"subject": "sx/GOV/1001/permit", "text": latest(**FIRST)}
    others = {"subject": "sx/GOV/2002/permit", "text": latest(**FIRST)}
    for path, done in (("/v1/schemas/check", 200), ("/v1/schemas", 201)):
        assert (await edge.post(path, own, OURS)).status_code == done
        assert code_of(await edge.post(path, others, OURS)) == "role-missing"
        assert code_of(await edge.post(path, own, BENEFITS)) == "role-missing"
    key = (await edge.post("/v1/schemas", own, OURS)).json()["fingerprint"]
    assert (await edge.get(f"/v1/schemas/{key}/touched", OURS)).status_code == 200
    question = await bound(edge)
    assert code_of(await edge.get(f"/v1/schemas/{question}/touched", OURS)) == "role-missing"
    tag = (await edge.get(f"/v1/schemas/{question}", OURS)).headers["etag"]
    members, headers = {"state": "deprecated"}, {"if-match": tag}
    path = f"/v1/schemas/{question}"
    refused = await edge.call("PUT", path, OURS, json=members, headers=headers)
    assert code_of(refused) == "role-missing"
    decided = {**own, "text": latest(type="array"), "decision": "Ours"}
    assert code_of(await edge.post("/v1/schemas", decided, OURS)) == "schema-incompatible"


async def test_an_end_that_makes_no_sense_is_refused(edge: Edge) -> None:
    key = (await register(edge)).json()["fingerprint"]
    for members in (
        {"sunset": SUNSET},
        {"state": "deprecated", "sunset": "2001-01-01T00:00:00.000Z"},
        {"state": "deprecated", "successor": key},
        {"state": "deprecated", "successor": f"sha256:{'0' * 64}"},
    ):
        assert code_of(await change(edge, key, **members)) == "request-invalid"
    assert code_of(await change(edge, key, state="draft")) == "conflict"

"""Confluent's API over one registry: its addresses, bodies, numbers, and who may do what."""

import base64
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from registry.changes import Change
from schemas.compatibility.verdicts import Answer, Judged
from sealway.comparing import Worker
from tests.support.agencies import BENEFITS
from tests.support.http import AUDITOR, FOUNDER, OPERATOR, Edge, integrator
from tests.support.refused_schemas import latest

FIRST = latest(type="object", properties={"a": {"type": "string"}}, required=["a"])
WIDER = latest(
    type="object", properties={"a": {"type": "string"}, "b": {"type": "integer"}}, required=["a"]
)
BREAKING = latest(type="object", properties={"a": {"type": "integer"}}, required=["a"])
KIND = '{"type": "enum", "name": "Kind", "symbols": ["A"]}'
USER = '{"type": "record", "name": "User", "fields": [{"name": "kind", "type": "Kind"}]}'
SUBJECT = "permits-value"
AT = f"/confluent/subjects/{SUBJECT}"


def as_json(text: str, **more: Any) -> dict[str, Any]:
    return {"schema": text, "schemaType": "JSON", **more}


async def ask(edge: Edge, method: str, path: str, body: Any = None, who: str = FOUNDER) -> Any:
    """The body of an answer that isn't an error."""
    response = await raw(edge, method, path, body, who)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/vnd.schemaregistry.v1+json"
    return response.json()


async def raw(
    edge: Edge, method: str, path: str, body: Any = None, who: str | None = FOUNDER, **headers: str
) -> httpx.Response:
    lines = {"content-type": "application/vnd.schemaregistry.v1+json", **headers}
    content = None if body is None else json.dumps(body).encode()
    return await edge.call(method, path, who, content=content, headers=lines)


async def refused(edge: Edge, method: str, path: str, body: Any = None, **more: Any) -> int:
    """The number of an error; its status begins with the same digits."""
    response = await raw(edge, method, path, body, **more)
    document = response.json()
    assert document.keys() == {"error_code", "message"}
    assert str(document["error_code"]).startswith(str(response.status_code))
    return int(document["error_code"])


async def activate(edge: Edge, subject: str = SUBJECT) -> None:
    """Every draft of a subject comes into force."""
    for one in edge.running.bus.api.directory.current.schema_versions(subject):
        if one.state == "draft":
            await edge.running.change(Change("schema", {"state": "active"}, one.fingerprint))


async def registered(edge: Edge, text: str = FIRST, subject: str = SUBJECT) -> int:
    """The id of a schema that is in force."""
    path = f"/confluent/subjects/{quote(subject, safe='')}/versions"
    found = await ask(edge, "POST", path, as_json(text))
    await activate(edge, subject)
    return int(found["id"])


async def test_what_is_registered_is_a_draft_that_no_service_can_use(edge: Edge) -> None:
    response = await raw(edge, "POST", f"{AT}/versions", as_json(FIRST))
    assert (response.status_code, response.headers["sealway-state"]) == (200, "draft")
    id_ = response.json()["id"]
    assert await ask(edge, "POST", f"{AT}/versions", as_json(FIRST)) == {"id": id_}
    assert await ask(edge, "GET", f"{AT}/versions") == [1]
    assert await refused(edge, "GET", f"{AT}/versions/latest") == 40402
    directory = edge.running.bus.api.directory.current
    found = directory.schema_by_id(id_)
    assert found is not None
    service = directory.objects("service")[0].to_object()  # type: ignore[arg-type]
    change = {"noun": "service", "object": {**service, "request_schema": found.fingerprint}}
    answer = await edge.post("/v1/changes", {"changes": [change]}, FOUNDER)
    assert (answer.status_code, "is draft" in answer.json()["detail"]) == (422, True)
    await activate(edge)
    assert (await ask(edge, "GET", f"{AT}/versions/latest"))["id"] == id_
    # Registering what is in force already leaves it so.
    response = await raw(edge, "POST", f"{AT}/versions", as_json(FIRST))
    assert (response.json(), response.headers["sealway-state"]) == ({"id": id_}, "active")


async def test_in_a_sandbox_what_is_registered_is_active_at_once(edge: Edge) -> None:
    object.__setattr__(edge.running.bus.api, "instance", "sandbox")
    response = await raw(edge, "POST", f"{AT}/versions", as_json(FIRST))
    assert response.headers["sealway-state"] == "active"
    assert (await ask(edge, "GET", f"{AT}/versions/latest"))["version"] == 1


async def test_a_schema_is_found_by_text_by_form_by_version_and_by_id(edge: Edge) -> None:
    id_ = await registered(edge)
    whole = {"subject": SUBJECT, "id": id_, "version": 1, "schemaType": "JSON", "schema": FIRST}
    spaced = json.dumps(json.loads(FIRST), indent=3)
    for text in (FIRST, spaced):
        assert (
            await ask(edge, "POST", f"{AT}?normalize=False&deleted=False", as_json(text)) == whole
        )
    assert await refused(edge, "POST", AT, as_json(WIDER)) == 40403
    assert await refused(edge, "POST", "/confluent/subjects/none", as_json(FIRST)) == 40401
    for version in ("1", "latest", "-1"):
        assert await ask(edge, "GET", f"{AT}/versions/{version}?deleted=False") == whole
    assert (await raw(edge, "GET", f"{AT}/versions/1/schema")).text == FIRST
    by_id = f"/confluent/schemas/ids/{id_}"
    assert await ask(edge, "GET", f"{by_id}?subject={SUBJECT}&fetchMaxId=false") == {
        "schema": FIRST, "schemaType": "JSON"
    }  # fmt: skip
    assert (await raw(edge, "GET", f"{by_id}/schema")).text == FIRST
    assert await ask(edge, "GET", f"{by_id}/subjects?offset=0&limit=-1") == [SUBJECT]
    assert await ask(edge, "GET", f"{by_id}/versions") == [{"subject": SUBJECT, "version": 1}]
    assert await refused(edge, "GET", "/confluent/schemas/ids/99999") == 40403
    assert await refused(edge, "GET", "/confluent/schemas/ids/x") == 40403
    assert await refused(edge, "GET", f"{AT}/versions/2") == 40402
    assert await refused(edge, "GET", f"{AT}/versions/0") == 42202
    assert await refused(edge, "GET", f"{AT}/versions/first") == 42202
    assert await ask(edge, "GET", "/confluent/schemas/types") == ["JSON", "AVRO", "XSD"]


async def test_without_a_type_it_is_avro_and_references_go_by_subject_and_version(
    edge: Edge,
) -> None:
    object.__setattr__(edge.running.bus.api, "instance", "sandbox")
    kind = await ask(edge, "POST", "/confluent/subjects/kind/versions", {"schema": KIND})
    reference = {"name": "Kind", "subject": "kind", "version": 1}
    body = {"schema": USER, "references": [{**reference, "version": -1}], "more": "ignored"}
    user = await ask(edge, "POST", "/confluent/subjects/user/versions", body)
    assert await ask(edge, "GET", f"/confluent/schemas/ids/{user['id']}") == {
        "schema": USER, "references": [reference]
    }  # fmt: skip
    by = "/confluent/subjects/kind/versions/latest/referencedby"
    assert await ask(edge, "GET", f"{by}?offset=0&limit=-1") == [user["id"]]
    assert kind["id"] != user["id"]
    assert await refused(edge, "DELETE", "/confluent/subjects/kind") == 42206
    bad = {"schema": USER, "references": [{"name": "Kind", "subject": "nobody's", "version": 1}]}
    assert await refused(edge, "POST", "/confluent/subjects/user/versions", bad) == 42201


async def test_versions_are_compared_as_everywhere(edge: Edge) -> None:
    await registered(edge)
    assert await registered(edge, WIDER) > 0
    response = await raw(edge, "POST", f"{AT}/versions?normalize=False", as_json(BREAKING))
    assert (response.status_code, response.json()["error_code"]) == (409, 409)
    message = response.json()["message"]
    assert message.startswith("This schema would break a reader (FULL_TRANSITIVE, EVOLVE). ")
    assert "Instance: {" in message
    check = f"/confluent/compatibility{AT.removeprefix('/confluent')}/versions"
    for path in (check, f"{check}/latest", f"{check}/1"):
        answer = await ask(edge, "POST", f"{path}?normalize=False&verbose=True", as_json(BREAKING))
        assert answer["is_compatible"] is False
        assert answer["messages"]
        assert await ask(edge, "POST", path, as_json(WIDER)) == {"is_compatible": True}
    assert await refused(edge, "POST", f"{check}/7", as_json(FIRST)) == 40402
    other = "/confluent/compatibility/subjects/none/versions"
    assert await ask(edge, "POST", other, as_json(BREAKING)) == {"is_compatible": True}
    assert await refused(edge, "POST", f"{other}/latest", as_json(FIRST)) == 40401


async def test_what_nobody_can_tell_is_refused_and_a_person_may_decide(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(edge)
    unknown = Judged(Answer.UNKNOWN, "Too hard.")
    monkeypatch.setattr(Worker, "judge", lambda *_: unknown)
    response = await raw(edge, "POST", f"{AT}/versions", as_json(WIDER))
    assert (response.status_code, response.json()["error_code"]) == (409, 409)
    assert "a person may decide at /v1" in response.json()["message"]
    assert "unknown. Too hard." in response.json()["message"]


async def test_with_a_draft_nothing_is_compared_and_that_is_no_yes(edge: Edge) -> None:
    await ask(edge, "POST", f"{AT}/versions", as_json(FIRST))
    path = f"/confluent/compatibility/subjects/{SUBJECT}/versions/1?verbose=true"
    answer = await ask(edge, "POST", path, as_json(WIDER))
    assert answer == {
        "is_compatible": False, "messages": ["Version 1 is draft: nothing is compared with it."]
    }  # fmt: skip


async def test_levels_are_put_as_one_word_and_answered_as_another(edge: Edge) -> None:
    config, own = "/confluent/config", f"/confluent/config/{SUBJECT}"
    assert await ask(edge, "GET", config) == {"compatibilityLevel": "FULL_TRANSITIVE"}
    assert await refused(edge, "GET", own) == 40408
    await registered(edge)
    put = {"compatibility": "NONE", "compatibilityGroup": None}
    assert await ask(edge, "PUT", own, put) == {"compatibility": "NONE"}
    assert await ask(edge, "GET", own) == {"compatibilityLevel": "NONE"}
    assert await registered(edge, BREAKING) > 0
    assert await ask(edge, "DELETE", own) == {"compatibilityLevel": "NONE"}
    assert await refused(edge, "GET", own) == 40408
    assert await ask(edge, "GET", f"{own}?defaultToGlobal=True") == {
        "compatibilityLevel": "FULL_TRANSITIVE"
    }
    assert await refused(edge, "PUT", own, {"compatibility": "SIDEWAYS"}) == 42203
    assert await refused(edge, "PUT", own, {"overrideRuleSet": {"domainRules": []}}) == 42205
    assert await ask(edge, "PUT", config, {"compatibility": "BACKWARD"}) == {
        "compatibility": "BACKWARD"
    }
    assert await ask(edge, "GET", config) == {"compatibilityLevel": "BACKWARD"}
    assert await ask(edge, "DELETE", config) == {"compatibilityLevel": "BACKWARD"}
    assert await ask(edge, "GET", config) == {"compatibilityLevel": "FULL_TRANSITIVE"}


async def test_deleting_retires_and_what_was_written_stays_readable(edge: Edge) -> None:
    id_ = await registered(edge)
    await registered(edge, WIDER)
    assert await refused(edge, "DELETE", f"{AT}?permanent=true") == 42205
    assert await ask(edge, "DELETE", f"{AT}/versions/2") == 2
    assert await ask(edge, "GET", f"{AT}/versions") == [1]
    assert await ask(edge, "GET", f"{AT}/versions?deleted=True") == [1, 2]
    assert await ask(edge, "GET", f"{AT}/versions?deleted_only=True") == [2]
    assert await ask(edge, "DELETE", AT) == [1]
    assert await refused(edge, "GET", f"{AT}/versions") == 40404
    assert await refused(edge, "POST", AT, as_json(FIRST)) == 40404
    assert SUBJECT not in await ask(edge, "GET", "/confluent/subjects")
    assert SUBJECT in await ask(edge, "GET", "/confluent/subjects?deleted=true")
    assert (await ask(edge, "GET", f"/confluent/schemas/ids/{id_}"))["schema"] == FIRST
    assert await refused(edge, "POST", f"{AT}/versions", as_json(FIRST)) == 42205
    states = [one.state for one in edge.running.bus.api.directory.current.schema_versions(SUBJECT)]
    assert states == ["retired", "retired"]


async def test_what_a_service_uses_cannot_be_deleted(edge: Edge) -> None:
    assert await refused(edge, "DELETE", "/confluent/subjects/question") == 42206
    assert await ask(edge, "GET", "/confluent/subjects/question/versions") == [1]


async def test_subjects_may_hold_slashes_and_are_listed_in_pages(edge: Edge) -> None:
    name = "sx/GOV/1001/permits:value"
    await registered(edge, subject=name)
    found = await ask(edge, "GET", f"/confluent/subjects/{quote(name, safe='')}/versions/1")
    assert found["subject"] == name
    assert await ask(edge, "GET", "/confluent/subjects?subjectPrefix=sx/") == [name]
    every = await ask(edge, "GET", "/confluent/subjects?offset=0&limit=-1&deleted=False")
    assert every == sorted(every)
    assert await ask(edge, "GET", "/confluent/subjects?offset=1&limit=1") == every[1:2]
    assert await refused(edge, "GET", "/confluent/subjects?limit=x") == 400
    assert await refused(edge, "GET", "/confluent/subjects/%20/versions") == 42208


async def test_the_token_comes_as_bearer_or_as_password(edge: Edge) -> None:
    token = edge.token(FOUNDER, "GET", "/")
    for user in ("", "anybody"):
        basic = base64.b64encode(f"{user}:{token}".encode()).decode()
        line = {"authorization": f"Basic {basic}"}
        response = await edge.http.get("/confluent/mode", headers=line)
        assert response.json() == {"mode": "READWRITE"}
    for line in ({}, {"authorization": "Basic ???"}, {"authorization": "Bearer nobody"},
                 {"authorization": "Basic " + base64.b64encode(b"a:nobody").decode()}):  # fmt: skip
        response = await edge.http.get("/confluent/subjects", headers=line)
        assert (response.status_code, response.json()["error_code"]) == (401, 401)
        assert "Basic" in response.headers["www-authenticate"]


async def test_a_system_reads_what_its_services_use_and_changes_nothing(edge: Edge) -> None:
    id_ = await registered(edge)
    assert await ask(edge, "GET", "/confluent/subjects", who=BENEFITS) == ["answer", "question"]
    assert await refused(edge, "GET", f"/confluent/schemas/ids/{id_}", who=BENEFITS) == 40403
    assert await refused(edge, "GET", f"{AT}/versions", who=BENEFITS) == 40401
    assert await refused(edge, "GET", f"/confluent/config/{SUBJECT}", who=BENEFITS) == 40408
    check = f"/confluent/compatibility/subjects/{SUBJECT}/versions"
    for method, path, body in (
        ("POST", f"{AT}/versions", as_json(WIDER)), ("POST", check, as_json(WIDER)),
        ("DELETE", "/confluent/subjects/question", None),
        ("PUT", "/confluent/config", {"compatibility": "NONE"}),
        ("DELETE", "/confluent/config", None),
    ):  # fmt: skip
        assert await refused(edge, method, path, body, who=BENEFITS) == 40301
    question = await ask(edge, "GET", "/confluent/subjects/question/versions/1", who=BENEFITS)
    body = {key: question[key] for key in ("schema", "schemaType")}
    path = "/confluent/subjects/question"
    assert await ask(edge, "POST", path, body, who=BENEFITS) == question
    hidden = {**body, "references": [{"name": "x", "subject": SUBJECT, "version": 1}]}
    assert await refused(edge, "POST", path, hidden, who=BENEFITS) == 40403


async def test_people_do_what_their_roles_may_do_elsewhere(edge: Edge) -> None:
    own, other = (f"sx/GOV/{number}/permits-value" for number in (1001, 2002))
    mine = integrator("sx/GOV/1001")
    at = "/confluent/subjects/{}/versions".format
    await ask(edge, "POST", at(quote(own, safe="")), as_json(FIRST), mine)
    record = edge.running.bus.api.directory.current.schema_versions(own)
    assert [one.state for one in record] == ["draft"]
    assert await ask(edge, "GET", at(quote(own, safe="")), who=mine) == [1]
    assert await refused(edge, "POST", at(quote(other, safe="")), as_json(WIDER), who=mine) == 40301
    level = {"compatibility": "BACKWARD"}
    assert await ask(edge, "PUT", f"/confluent/config/{quote(own, safe='')}", level, mine) == level
    assert await refused(edge, "PUT", f"/confluent/config/{SUBJECT}", level, who=mine) == 40301
    assert await refused(edge, "PUT", "/confluent/config", level, who=mine) == 40301
    assert await ask(edge, "PUT", "/confluent/config", level, OPERATOR) == level
    for who in (OPERATOR, AUDITOR):
        assert await ask(edge, "GET", at(quote(own, safe="")), who=who) == [1]
        assert (
            await refused(edge, "POST", at(quote(own, safe="")), as_json(WIDER), who=who) == 40301
        )
        assert await refused(edge, "DELETE", at(quote(own, safe=""))[:-9], who=who) == 40301
    theirs = integrator("sx/GOV/2002")
    assert await refused(edge, "GET", at(quote(own, safe="")), who=theirs) == 40401
    assert await ask(edge, "DELETE", at(quote(own, safe=""))[:-9], who=mine) == [1]


BAD: dict[str, tuple[Any, int]] = {
    "not a schema": (as_json("{"), 42201),
    "no dialect": (as_json('{"type": "string"}'), 42201),
    "no text": ({"schemaType": "JSON"}, 42201),
    "another type": ({"schema": "x", "schemaType": "PROTOBUF"}, 42201),
    "rules": (as_json(FIRST, ruleSet={"domainRules": [{"name": "x"}]}), 42205),
    "metadata": (as_json(FIRST, metadata={"properties": {"a": "b"}}), 42205),
    "an id": (as_json(FIRST, id=7), 42205),
    "references that are none": (as_json(FIRST, references=["a"]), 42201),
    "a list": ([], 400),
}


async def test_a_body_that_is_not_taken_has_its_number(edge: Edge) -> None:
    for name, (body, number) in BAD.items():
        assert await refused(edge, "POST", f"{AT}/versions", body) == number, name


async def test_what_is_not_there_is_404_and_other_methods_are_405(edge: Edge) -> None:
    for path in ("/confluent", "/confluent/associations", "/confluent/associations/resources/a/b",
                 "/confluent/subjects/a/b/c/d/e", "/confluent/schemas/ids"):  # fmt: skip
        assert await refused(edge, "GET", path) == 404
        assert await refused(edge, "GET", path, who=None) == 401
    assert await refused(edge, "PUT", "/confluent/mode", {"mode": "IMPORT"}) == 405
    assert await refused(edge, "DELETE", "/confluent/subjects") == 405
    response = await edge.http.post(
        f"{AT}/versions", content=b"{}",
        headers={"content-type": "text/plain",
                 "authorization": f"Bearer {edge.token(FOUNDER, 'GET', '/')}"},
    )  # fmt: skip
    assert (response.status_code, response.json()["error_code"]) == (415, 415)
    head = await edge.call("HEAD", "/confluent/mode", FOUNDER)
    assert head.status_code == 200


async def test_a_schema_of_another_subject_is_refused_and_told_where_it_is(edge: Edge) -> None:
    await registered(edge)
    response = await raw(edge, "POST", "/confluent/subjects/other/versions", as_json(FIRST))
    assert (response.status_code, response.json()["error_code"]) == (422, 42205)
    assert f"'{SUBJECT}', version 1" in response.json()["message"]


async def test_a_bus_that_cannot_write_says_so_and_clients_try_again(edge: Edge) -> None:
    edge.running.store.failing = True
    response = await raw(edge, "POST", f"{AT}/versions", as_json(FIRST))
    assert (response.status_code, response.json()["error_code"]) == (503, 50001)
    assert response.headers["retry-after"] == "2"

"""The registry over HTTP: lists, objects, changes, certificates and logs with their proofs."""

import pytest

from sealway.pinned import Pinned
from sealway.trust import check_certificate, check_shard
from signing.log.checkpoint import verify_checkpoint
from signing.log.note import parse_verifier_key
from tests.support.agencies import BENEFITS, CIVIL, POPULATION, STATISTICS, TERRITORIES
from tests.support.http import FOUNDER, Edge, code_of

MEMBER = {"id": "sx/GOV/5005", "name": "Fisheries"}


async def _key(edge: Edge, n: int) -> str:
    about = (await edge.get("/.well-known/sealway")).json()
    return next(str(one["key"]) for one in about["logs"] if one["n"] == n)


async def test_a_list_is_sorted_and_paged_by_key(edge: Edge) -> None:
    whole = (await edge.get("/v1/systems", FOUNDER)).json()
    ids = [one["id"] for one in whole["items"]]
    assert ids == sorted(ids)
    assert len(ids) == 4
    assert whole["version"] == edge.running.bus.api.directory.version
    found, path = [], "/v1/systems?limit=3"
    while path:
        response = await edge.get(path, FOUNDER)
        found += [one["id"] for one in response.json()["items"]]
        link = response.headers.get("link", "")
        assert not link or link.endswith('>; rel="next"')
        path = link.removeprefix("<").partition(">")[0]
    assert found == ids


async def test_a_limit_out_of_range_is_pointed_at(edge: Edge) -> None:
    response = await edge.get("/v1/systems?limit=0", FOUNDER)
    assert code_of(response) == "request-invalid"
    assert response.json()["errors"][0]["pointer"] == "/query/limit"


async def test_a_system_sees_its_own_things_and_listed_services(edge: Edge) -> None:
    async def keys(noun: str, who: str, member: str) -> list[str]:
        items = (await edge.get(f"/v1/{noun}", who)).json()["items"]
        return [one[member] for one in items]

    assert await keys("members", BENEFITS, "id") == ["sx/GOV/1001"]
    assert await keys("systems", BENEFITS, "id") == [BENEFITS]
    assert len(await keys("services", TERRITORIES, "code")) == 3
    assert len(await keys("grants", BENEFITS, "id")) == 3
    assert len(await keys("grants", STATISTICS, "id")) == 1
    assert await keys("grants", TERRITORIES, "id") == []
    assert await keys("certificates", BENEFITS, "system") == [BENEFITS]
    assert code_of(await edge.get(f"/v1/systems/{CIVIL}", BENEFITS)) == "not-found"
    assert (await edge.get(f"/v1/systems/{CIVIL}", FOUNDER)).json()["id"] == CIVIL


async def test_an_unlisted_service_hides_itself_and_its_schema(edge: Edge) -> None:
    key = f"{STATISTICS}/{POPULATION}"
    tag = (await edge.get(f"/v1/services/{key}", FOUNDER)).headers["etag"]
    hidden = await edge.call(
        "PUT", f"/v1/services/{key}", FOUNDER, json={"listed": False}, headers={"if-match": tag}
    )
    assert (hidden.status_code, hidden.json()["listed"]) == (200, False)
    assert code_of(await edge.get(f"/v1/services/{key}", TERRITORIES)) == "not-found"
    assert (await edge.get(f"/v1/services/{key}", BENEFITS)).status_code == 200


async def test_adding_twice_is_harmless_and_adding_another_is_a_conflict(edge: Edge) -> None:
    first = await edge.post("/v1/members", MEMBER, FOUNDER)
    assert first.status_code == 201
    assert first.headers["location"] == "/v1/members/sx/GOV/5005"
    again = await edge.post("/v1/members", MEMBER, FOUNDER)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["etag"] == first.headers["etag"]
    other = await edge.post("/v1/members", {**MEMBER, "name": "Forests"}, FOUNDER)
    assert code_of(other) == "conflict"


async def test_a_change_names_the_version_that_it_was_made_for(edge: Edge) -> None:
    path = "/v1/members/sx/GOV/5005"
    tag = (await edge.post("/v1/members", MEMBER, FOUNDER)).headers["etag"]
    renamed = {"name": "Fisheries and Forests"}
    blind = await edge.call("PUT", path, FOUNDER, json=renamed)
    assert code_of(blind) == "precondition-required"
    done = await edge.call("PUT", path, FOUNDER, json=renamed, headers={"if-match": tag})
    assert done.json() == {**MEMBER, **renamed, "state": "active"}
    late = await edge.call("PUT", path, FOUNDER, json={"name": "x"}, headers={"if-match": tag})
    assert code_of(late) == "changed-meanwhile"
    weak = await edge.call("PUT", path, FOUNDER, json=renamed, headers={"if-match": f"W/{tag}"})
    assert code_of(weak) == "request-invalid"
    fresh = await edge.get(path, FOUNDER)
    assert fresh.headers["etag"] == done.headers["etag"]
    same = await edge.get(path, FOUNDER, headers={"if-none-match": done.headers["etag"]})
    assert same.status_code == 304


async def test_a_set_of_changes_is_made_whole_or_not_at_all(edge: Edge) -> None:
    system = {"id": "sx/GOV/5005/quotas", "name": "Quotas"}
    changes = [{"noun": "member", "object": MEMBER}, {"noun": "system", "object": system}]
    bad = await edge.post(
        "/v1/changes", {"changes": [*changes, {"noun": "grant", "object": {}}]}, FOUNDER
    )
    assert code_of(bad) == "request-invalid"
    assert bad.json()["index"] == 2
    assert code_of(await edge.get("/v1/members/sx/GOV/5005", FOUNDER)) == "not-found"
    done = (await edge.post("/v1/changes", {"changes": changes}, FOUNDER)).json()
    assert (done["changed"], done["unchanged"]) == (2, 0)
    assert [one["act"] for one in done["facts"]] == ["member-added", "system-added"]
    assert done["facts"][1]["index"] == done["facts"][0]["index"] + 1
    again = (await edge.post("/v1/changes", {"changes": changes}, FOUNDER)).json()
    assert again == {"changed": 0, "unchanged": 2, "version": done["version"], "facts": []}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"changes": [], "changes": []}', "request-invalid"),
        (b'{"changes": [{"noun": "member"}]}', "request-invalid"),
        (b'{"changes": [{"noun": "cat", "object": {}}]}', "request-invalid"),
        (b'{"changes": 1}', "request-invalid"),
        (b"[]", "request-invalid"),
        (b"{", "request-invalid"),
        (b"", "request-invalid"),
    ],
)
async def test_a_wrong_set_of_changes_is_refused(edge: Edge, content: bytes, code: str) -> None:
    response = await edge.call(
        "POST",
        "/v1/changes",
        FOUNDER,
        content=content,
        headers={"content-type": "application/json"},
    )
    assert code_of(response) == code


async def test_more_changes_than_a_set_may_have_are_refused(edge: Edge) -> None:
    changes = [{"noun": "member", "object": MEMBER}] * 1_001
    response = await edge.post("/v1/changes", {"changes": changes}, FOUNDER)
    assert code_of(response) == "request-invalid"
    assert response.json()["errors"][0]["pointer"] == "/changes"


async def test_a_body_of_another_type_is_refused(edge: Edge) -> None:
    response = await edge.call("POST", "/v1/changes", FOUNDER, data={"changes": "x"})
    assert code_of(response) == "body-type-unsupported"


async def _pinned(edge: Edge) -> Pinned:
    return Pinned.parse("sx.example", [await _key(edge, 0)])


async def test_a_certificate_is_proven_to_whoever_pinned_log_zero(edge: Edge) -> None:
    x5t = edge.running.keys[CIVIL].x5t
    response = await edge.get(f"/v1/certificates/{x5t}", BENEFITS)
    proven = check_certificate(
        Pinned.parse("sx.example", [await _key(edge, 0)]), x5t, response.json()
    )
    assert proven.known.system == CIVIL
    assert response.json()["state"] == "active"
    assert code_of(await edge.get("/v1/certificates/unknown", BENEFITS)) == "not-found"


async def test_a_revocation_is_proven_too(edge: Edge) -> None:
    x5t = edge.running.keys[CIVIL].x5t
    path = f"/v1/certificates/{x5t}"
    tag = (await edge.get(path, FOUNDER)).headers["etag"]
    revoked = await edge.call(
        "PUT", path, FOUNDER, json={"state": "revoked"}, headers={"if-match": tag}
    )
    assert revoked.json()["state"] == "revoked"
    response = await edge.get(path, BENEFITS)
    proven = check_certificate(
        Pinned.parse("sx.example", [await _key(edge, 0)]), x5t, response.json()
    )
    assert proven.revoked_at_version == edge.running.bus.api.directory.version


async def test_a_shards_key_is_proven_to_strangers(edge: Edge) -> None:
    document = (await edge.get("/v1/logs/1")).json()
    verifier = check_shard(
        Pinned.parse("sx.example", [await _key(edge, 0)]), 1, "sx.example/log/1", document
    )
    assert str(verifier) == await _key(edge, 1)
    assert code_of(await edge.get("/v1/logs/2")) == "not-found"
    assert code_of(await edge.get("/v1/logs/-1")) == "request-invalid"


@pytest.mark.parametrize("n", [0, 1])
async def test_a_checkpoint_is_a_note_that_the_logs_key_verifies(edge: Edge, n: int) -> None:
    await edge.send(edge.running.ask(), prefer="wait=5")
    response = await edge.get(f"/log/{n}/checkpoint")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    checkpoint = verify_checkpoint(response.text, parse_verifier_key(await _key(edge, n)))
    assert checkpoint.size == edge.running.writers[n].head.size
    assert code_of(await edge.get("/log/7/checkpoint")) == "not-found"


async def test_an_example_of_a_schema_is_for_who_sees_the_schema(edge: Edge) -> None:
    schemas = (await edge.get("/v1/schemas", FOUNDER)).json()["items"]
    one = next(item for item in schemas if item["subject"] == "question")
    path = f"/v1/schemas/{one['fingerprint']}/example"
    shown = await edge.get(path, BENEFITS)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "application/json")
    assert (shown.json(), shown.headers["sealway-made-up"]) == ({"person_code": "0"}, "?1")
    tag = (await edge.get(f"/v1/schemas/{one['fingerprint']}", FOUNDER)).headers["etag"]
    members = {"examples": ['{"person_code": "38001085718"}']}
    put = await edge.call(
        "PUT", path.removesuffix("/example"), FOUNDER, json=members, headers={"if-match": tag}
    )
    assert put.status_code == 200
    shown = await edge.get(path, BENEFITS)
    assert (shown.text, shown.headers["sealway-made-up"]) == (members["examples"][0], "?0")
    assert code_of(await edge.get(path)) == "token-missing"
    assert code_of(await edge.get("/v1/schemas/sha256:00/example", BENEFITS)) == "not-found"


async def test_where_no_example_can_be_made_up_there_is_none(edge: Edge) -> None:
    text = '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "integer",'
    added = await edge.post(
        "/v1/schemas", {"subject": "odd", "text": text + '"not": {"maximum": 9999999}}'}, FOUNDER
    )
    assert added.status_code == 201
    shown = await edge.get(f"/v1/schemas/{added.json()['fingerprint']}/example", FOUNDER)
    assert code_of(shown) == "not-found"

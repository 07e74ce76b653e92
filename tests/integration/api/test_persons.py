"""People: their tokens, what ends them, and what they are shown."""

import hashlib
from typing import Any

from exchange.acceptance.accesses import CONTENT_READ
from exchange.api.denials import LINES_PER_MINUTE, Denials
from exchange.api.roles import Role
from registry.changes import Change
from signing.encoding import b64url_encode
from tests.support.agencies import BENEFITS, CIVIL
from tests.support.http import AUDITOR, FOUNDER, OPERATOR, Edge, code_of, integrator

CONSUMERS, PROVIDERS = integrator("sx/GOV/1001"), integrator("sx/GOV/2002")
STRANGERS = integrator("sx/GOV/3003")
TOKEN = "A" * 43
HASH = b64url_encode(hashlib.sha256(TOKEN.encode()).digest())
DAY_MS = 86_400_000


async def _added(edge: Edge, **members: Any) -> dict[str, Any]:
    body = {"name": "Anna", "role": "operator", "token_hash": HASH, **members}
    response = await edge.post("/v1/persons", body, FOUNDER)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def _as_anna(edge: Edge, path: str = "/v1/members") -> str:
    response = await edge.get(path, headers={"authorization": f"Bearer {TOKEN}"})
    return "ok" if response.status_code == 200 else code_of(response)


async def test_a_person_acts_from_the_moment_of_being_added_to_the_end(edge: Edge) -> None:
    assert await _as_anna(edge) == "token-invalid"
    person = await _added(edge, days=3)
    assert await _as_anna(edge) == "ok"
    edge.running.clock.ahead_ms += 3 * DAY_MS - 60_000
    assert await _as_anna(edge) == "ok"
    edge.running.clock.ahead_ms += 61_000
    assert await _as_anna(edge) == "token-invalid"
    shown = (await edge.get(f"/v1/persons/{person['id']}", FOUNDER)).json()
    assert (shown["state"], shown["added_by"]) == ("expired", "person:founder")


async def test_a_revoked_token_counts_no_more(edge: Edge) -> None:
    person = await _added(edge)
    assert await _as_anna(edge) == "ok"
    path = f"/v1/persons/{person['id']}/revoke"
    first = (await edge.call("POST", path, FOUNDER)).json()
    assert first["state"] == "revoked"
    assert await _as_anna(edge) == "token-invalid"
    assert (await edge.call("POST", path, FOUNDER)).json() == first
    assert code_of(await edge.call("POST", "/v1/persons/p0/revoke", FOUNDER)) == "not-found"


async def test_what_is_kept_of_a_token_is_its_hash(edge: Edge) -> None:
    person = await _added(edge)
    assert person["id"].startswith("p")
    assert "Anna" not in person["id"]
    listed = await edge.get("/v1/persons", FOUNDER)
    assert TOKEN not in listed.text
    assert HASH not in listed.text
    data = edge.running.folder / "data"
    assert not any(TOKEN.encode() in one.read_bytes() for one in data.iterdir() if one.is_file())


async def test_wrong_people_are_not_added(edge: Edge) -> None:
    for members in (
        {"role": "founder"},
        {"role": "system"},
        {"role": "integrator"},
        {"role": "integrator", "member": "sx/GOV/9999"},
        {"role": "auditor", "member": "sx/GOV/1001"},
        {"days": 91},
        {"days": 0},
        {"token_hash": "short"},
        {"name": ""},
        {"token": TOKEN},
    ):
        body = {"name": "Anna", "role": "auditor", "token_hash": HASH, **members}
        assert code_of(await edge.post("/v1/persons", body, FOUNDER)) == "request-invalid", members
    await _added(edge)
    again = {"name": "Bert", "role": "auditor", "token_hash": HASH}
    assert code_of(await edge.post("/v1/persons", again, FOUNDER)) == "conflict"


async def _answered(edge: Edge) -> str:
    request = edge.running.ask()
    assert (await edge.send(request, prefer="wait=5")).status_code == 200
    return f"/v1/messages/{request.manifest.id}"


async def test_a_timeline_is_shown_to_the_parties_members_and_to_those_who_see_all(
    edge: Edge,
) -> None:
    path = await _answered(edge)
    for who in (OPERATOR, AUDITOR, CONSUMERS, PROVIDERS):
        state = (await edge.get(path, who)).json()
        assert (state["state"], state["from"]) == ("answered", BENEFITS)
        assert (await edge.get(path + "/receipt", who)).status_code == 200
    for below in ("", "/receipt", "/refusals"):
        assert code_of(await edge.get(path + below, STRANGERS)) == "not-found"


async def test_content_is_not_for_operators_and_integrators(edge: Edge) -> None:
    path = await _answered(edge)
    size = edge.running.writers[0].head.size
    for who in (OPERATOR, CONSUMERS, PROVIDERS, FOUNDER):
        for below in ("/answer", "/delivery", "/parts/body"):
            assert code_of(await edge.get(path + below, who)) == "role-missing"
    assert edge.running.writers[0].head.size == size


async def test_each_read_of_content_by_an_auditor_is_a_leaf(edge: Edge) -> None:
    path = await _answered(edge)
    for read, below in enumerate(("/answer", "/delivery", "/parts/body"), 1):
        size = edge.running.writers[0].head.size
        response = await edge.get(path + below, AUDITOR)
        assert response.status_code == 200
        head = edge.running.writers[0].head
        assert head.size == size + 1, read
        bundle = await edge.get(f"/log/0/tile/entries/000.p/{head.size}", AUDITOR)
        last = bundle.content[bundle.content.rindex(b'{"v":1,"k"') :]
        assert b'"k":"read"' in last
    assert code_of(await edge.get(path + "/parts/none", AUDITOR)) == "not-found"
    assert edge.running.writers[0].head.size == head.size
    assert CONTENT_READ == "content-read"


async def test_content_is_not_shown_when_the_read_cannot_be_recorded(edge: Edge) -> None:
    path = await _answered(edge)
    edge.running.store.failing = True
    response = await edge.get(path + "/parts/body", AUDITOR)
    edge.running.store.failing = False
    assert code_of(response) == "log-unavailable"
    assert b"38001085718" not in response.content


async def test_what_integrators_see_of_the_registry(edge: Edge) -> None:
    async def keys(noun: str, who: str, key: str) -> list[str]:
        items = (await edge.get(f"/v1/{noun}", who)).json()["items"]
        return [one[key] for one in items]

    assert await keys("members", CONSUMERS, "id") == ["sx/GOV/1001"]
    assert await keys("systems", CONSUMERS, "id") == [BENEFITS]
    assert await keys("certificates", CONSUMERS, "system") == [BENEFITS]
    assert len(await keys("grants", CONSUMERS, "id")) == 3
    assert await keys("services", CONSUMERS, "code") == await keys("services", BENEFITS, "code")
    assert len(await keys("members", OPERATOR, "id")) == len(await keys("members", AUDITOR, "id"))
    assert code_of(await edge.get(f"/v1/systems/{CIVIL}", CONSUMERS)) == "not-found"


async def test_the_founder_ends_everywhere_when_the_policy_says_so(edge: Edge) -> None:
    assert (await edge.get("/v1/persons", FOUNDER)).status_code == 200
    await edge.running.change(Change("policy", {"founder": False}, "bus"))
    assert code_of(await edge.get("/v1/persons", FOUNDER)) == "token-invalid"
    assert (await edge.get("/v1/persons", OPERATOR)).status_code == 200


def test_lines_about_denials_are_bounded() -> None:
    denials = Denials()
    for at in range(LINES_PER_MINUTE + 40):
        denials.note(Role.AUDITOR, "person:p1", "GET", "/x", at)
    assert (denials._lines, denials._left_out) == (LINES_PER_MINUTE, 40)
    denials.note(Role.AUDITOR, "person:p1", "GET", "/x", 60_000)
    assert (denials._lines, denials._left_out) == (1, 0)
    assert denials.by_role["auditor"] == LINES_PER_MINUTE + 41

"""Who may call: every way a token can be wrong, and what each caller may do."""

import re

import pytest

from registry.changes import Change
from signing.encoding import format_time
from signing.tokens import Call
from tests.support.agencies import BENEFITS, BUS, CIVIL, STATISTICS, credentials
from tests.support.bus import RunningBus
from tests.support.http import FOUNDER, Edge, code_of

PATH = "/v1/services"


async def _with(edge: Edge, token: str) -> str:
    response = await edge.get(PATH, headers={"authorization": f"Bearer {token}"})
    return code_of(response) if response.status_code != 200 else "ok"


def _signed(edge: Edge, bus: str = BUS, method: str = "GET", path: str = PATH) -> str:
    call = Call(bus, method, edge.url + path)
    return edge.sign(call, BENEFITS, edge.running.keys[BENEFITS])


@pytest.mark.parametrize(
    "path",
    ["/v1/services", "/v1/members", "/v1/mailbox", "/v1/dead", "/v1/nothing", "/nothing", "/v1"],
)
async def test_nothing_is_shown_without_a_token(edge: Edge, path: str) -> None:
    response = await edge.get(path)
    assert code_of(response) == "token-missing"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_systems_token_serves_the_one_call_it_names(edge: Edge) -> None:
    assert await _with(edge, _signed(edge)) == "ok"
    assert await _with(edge, _signed(edge, bus="other.example")) == "token-invalid"
    assert await _with(edge, _signed(edge, method="POST")) == "token-invalid"
    assert await _with(edge, _signed(edge, path="/v1/grants")) == "token-invalid"


async def test_a_token_is_good_for_a_minute_and_then_tells_the_time(edge: Edge) -> None:
    token = _signed(edge)
    edge.running.clock.ahead_ms = 55_000
    assert await _with(edge, token) == "ok"
    edge.running.clock.ahead_ms = 70_000
    response = await edge.get(PATH, headers={"authorization": f"Bearer {token}"})
    assert code_of(response) == "token-invalid"
    assert format_time(edge.running.clock())[:15] in response.json()["detail"]


async def test_a_token_of_an_unregistered_key_is_nobodys(edge: Edge) -> None:
    stranger = credentials(BENEFITS, edge.running.clock())
    token = edge.sign(Call(BUS, "GET", edge.url + PATH), BENEFITS, stranger)
    assert await _with(edge, token) == "token-invalid"


async def test_a_token_of_another_system_than_the_certificates_is_refused(edge: Edge) -> None:
    token = edge.sign(Call(BUS, "GET", edge.url + PATH), CIVIL, edge.running.keys[BENEFITS])
    assert await _with(edge, token) == "token-invalid"


async def test_a_revoked_certificate_is_told_to_who_proves_the_key(edge: Edge) -> None:
    x5t = edge.running.keys[BENEFITS].x5t
    await edge.running.change(Change("certificate", {"state": "revoked"}, x5t))
    assert await _with(edge, _signed(edge)) == "certificate-revoked"


async def test_an_expired_certificate_is_told_to_who_proves_the_key(edge: Edge) -> None:
    edge.running.clock.ahead_ms = 31 * 86_400_000
    assert await _with(edge, _signed(edge)) == "certificate-expired"


async def test_the_founders_token_counts_until_its_end(edge: Edge) -> None:
    token = edge.token(FOUNDER, "GET", PATH)
    assert await _with(edge, token) == "ok"
    assert await _with(edge, token[:-1]) == "token-invalid"
    edge.running.clock.ahead_ms = 91 * 86_400_000
    assert await _with(edge, token) == "token-invalid"


@pytest.mark.parametrize("value", ["Basic Zm9v", "Bearer", "Bearer ", ""])
async def test_another_scheme_is_no_token(edge: Edge, value: str) -> None:
    response = await edge.get(PATH, headers={"authorization": value})
    assert code_of(response) == "token-missing"


@pytest.mark.parametrize("token", ["a.b.c", "x", "..", "é.b.c"])
async def test_nonsense_is_no_token(edge: Edge, token: str) -> None:
    headers = {"authorization": f"Bearer {token}".encode()}
    assert code_of(await edge.get(PATH, headers=headers)) == "token-invalid"


async def test_two_authorization_headers_are_refused(edge: Edge) -> None:
    pairs = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
    response = await edge.http.get(PATH, headers=pairs)
    assert code_of(response) == "request-invalid"


async def test_a_system_changes_nothing(edge: Edge) -> None:
    for path, body in (
        ("/v1/changes", {"changes": []}),
        ("/v1/members", {"id": "sx/GOV/9", "name": "n"}),
    ):
        assert code_of(await edge.post(path, body, STATISTICS)) == "role-missing"
    put = await edge.call("PUT", "/v1/members/sx/GOV/9", STATISTICS, json={"name": "n"})
    assert code_of(put) == "role-missing"


async def test_the_founders_end_is_a_leaf_of_the_log(running: RunningBus) -> None:
    settings = running.folder / "sealway.toml"
    version = running.bus.api.directory.version
    for said, records in (("true", 0), ("false", 1), ("false", 1), ("true", 2)):
        await running.close()
        text = re.sub(r"(?m)^founder = \w+$", f"founder = {said}", settings.read_text("utf-8"))
        settings.write_text(text, "utf-8")
        await running.open()
        api = running.bus.api
        assert (api.founder is not None) is (said == "true")
        assert api.directory.version == version + records
        assert api.directory.current.policy is not None
        assert api.directory.current.policy.founder is (said == "true")

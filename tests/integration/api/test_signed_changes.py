"""Changes with their owner's own signature: by the command line, over HTTP, into the record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.grants import default_grant_id
from sealway.cli.main import main
from sealway.cli.session import Outside
from signing.certificates import der_to_pem, issue_self_signed
from signing.changes import StatedChange, decode_change, sign_change
from signing.encoding import b64url_encode
from signing.keys import generate_key, private_key_pem
from signing.records import decode_record, object_hash
from tests.support.agencies import BENEFITS, BUS, CIVIL, POPULATION, STATISTICS
from tests.support.http import Edge, code_of, integrator, persons_token

OFFICES = integrator(STATISTICS.rpartition("/")[0])
MINE = integrator(BENEFITS.rpartition("/")[0])
Run = Callable[..., Awaitable[tuple[int, str]]]
GRANT = {
    "id": "g-signed",
    "consumer": BENEFITS,
    "system": STATISTICS,
    "service": POPULATION,
    "purposes": ["census"],
    "legal_basis": "Statistics Act",
    "valid_from": "2026-01-01T00:00:00.000Z",
    "test": False,
    "state": "active",
}


class Bridge(httpx.BaseTransport):
    """Lets a command line in another thread call the application."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            more = {"content": request.read(), "headers": request.headers}
            return await self._edge.http.request(
                request.method, request.url.raw_path.decode(), **more
            )

        found = asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)


@pytest.fixture
async def run(
    edge: Edge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Run:
    """The command line as the statistics office's integrator, who also has its system's key."""
    profiles = tmp_path / "home" / "profiles"
    profiles.mkdir(parents=True)
    monkeypatch.setenv("SEALWAY_HOME", str(profiles.parent))
    start = f'url = "{edge.url}"\nbus = "{BUS}"\ninstance = "sx"\n'
    log_key = edge.running.bus.api.directory_log.writer.verifier_key
    for name, system in (("office", STATISTICS), ("benefits", BENEFITS)):
        keys = edge.running.keys[system]
        (profiles / f"{name}.key").write_bytes(private_key_pem(keys.key))
        (profiles / f"{name}.crt").write_bytes(der_to_pem(keys.der))
        lines = f'system = "{system}"\nkey = "{name}.key"\ncertificate = "{name}.crt"\n'
        (profiles / f"{name}.toml").write_text(f'{start}log_key = "{log_key}"\n{lines}')
    (profiles / "me.token").write_text(persons_token(OFFICES))
    (profiles / "me.toml").write_text(f'{start}token = "me.token"\n')
    bridge = Bridge(edge)

    async def call(*words: str) -> tuple[int, str]:
        await edge.person(OFFICES)
        outside = Outside(transport=bridge)
        code = await asyncio.to_thread(main, [*words, "--profile", "me"], outside)
        out, err = capsysbinary.readouterr()
        return code, (out + err).decode()

    return call


async def recorded(edge: Edge, noun: str, key: str) -> Any:
    """The record of an object's last change."""
    reads = edge.running.bus.api.reads
    place = await reads.object_place(noun, key)
    assert place is not None
    stored = await reads.record(place.log, place.index)
    assert stored is not None
    return decode_record(stored[0])


def stated(edge: Edge, by: str = STATISTICS, **instead: Any) -> str:
    said = {"bus": BUS, "noun": "grant", "key": GRANT["id"], "before": None, "after": GRANT}
    signer = edge.running.keys[by].signer  # type: ignore[index]
    return sign_change(StatedChange(**{**said, **instead}), signer, edge.running.clock()).decode(
        "ascii"
    )


async def test_the_command_line_signs_a_grant_and_its_end(edge: Edge, run: Run) -> None:
    words = ["grant", "add", STATISTICS, POPULATION, "--consumer", CIVIL, "--legal-basis", "Act 9"]
    code, said = await run(*words, "--signed-by", "benefits")
    assert (code, "signed-change-invalid" in said) == (1, True), said
    code, said = await run(*words, "--purpose", "census", "--signed-by", "office")
    assert code == 0, said
    key = default_grant_id(CIVIL, STATISTICS, POPULATION)
    given = await recorded(edge, "grant", key)
    assert decode_change(given.signed_change.encode()).after == given.after
    code, said = await run("grant", "withdraw", key, "--signed-by", "office")
    assert code == 0, said
    ended = await recorded(edge, "grant", key)
    change = decode_change(ended.signed_change.encode())
    assert (change.before, change.after) == (object_hash(given.after), ended.after)
    assert ended.after["state"] == "withdrawn"


async def test_what_was_asked_for_is_given_with_a_signature(edge: Edge, run: Run) -> None:
    asked = {name: GRANT[name] for name in ("consumer", "system", "service", "legal_basis")}
    found = await edge.post("/v1/asks", {**asked, "purposes": ["census"]}, MINE)
    id_ = found.json()["id"]
    code, said = await run("grant", "give", id_, "--signed-by", "office")
    assert (code, "given" in said) == (0, True), said
    record = await recorded(edge, "grant", id_)
    assert decode_change(record.signed_change.encode()).after == record.after
    code, said = await run("grant", "give", id_, "--signed-by", "office")
    assert (code, "nothing to give" in said) == (1, True), said


async def test_an_earlier_key_signs_the_next_certificate(
    edge: Edge, run: Run, tmp_path: Path
) -> None:
    now_ms, key = edge.running.clock(), generate_key()
    der = issue_self_signed(key, STATISTICS, now_ms - 1000, now_ms + 86_400_000)
    (tmp_path / "next.crt").write_bytes(der_to_pem(der))
    (tmp_path / "next.key").write_bytes(private_key_pem(key))
    words = ["certificate", "add", str(tmp_path / "next.crt"), "--system", STATISTICS]
    code, said = await run(*words, "--key", str(tmp_path / "next.key"), "--signed-by", "office")
    assert code == 0, said
    added = [
        one
        for one in (await edge.get("/v1/certificates", OFFICES)).json()["items"]
        if one["certificate"] == b64url_encode(der)
    ]
    record = await recorded(edge, "certificate", added[0]["x5t"])
    assert decode_change(record.signed_change.encode()).after == record.after


@pytest.mark.parametrize(
    ("by", "instead"),
    [
        (BENEFITS, {}),
        (STATISTICS, {"after": {**GRANT, "purposes": ["anything"]}}),
        (STATISTICS, {"bus": "other.example"}),
    ],
)
async def test_a_statement_that_does_not_hold_changes_nothing(
    edge: Edge, by: str, instead: dict[str, Any]
) -> None:
    members = {**GRANT, "signed_change": stated(edge, by, **instead)}
    version = edge.running.bus.api.directory.version
    refused = await edge.post("/v1/grants", members, OFFICES)
    assert (refused.status_code, code_of(refused)) == (422, "signed-change-invalid")
    assert edge.running.bus.api.directory.version == version


async def test_in_a_set_of_changes_a_statement_goes_with_its_change(edge: Edge) -> None:
    change = {"noun": "grant", "object": GRANT, "signed_change": stated(edge)}
    done = await edge.post("/v1/changes", {"changes": [change]}, OFFICES)
    assert (done.status_code, done.json()["changed"]) == (200, 1)
    assert (await recorded(edge, "grant", "g-signed")).signed_change == change["signed_change"]
    odd = await edge.post("/v1/grants", {**GRANT, "signed_change": 1}, OFFICES)
    assert code_of(odd) == "request-invalid"

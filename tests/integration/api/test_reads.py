"""GET /v1/reads and `sealway audit reads`: who read or exported what, online and offline."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import exchange.audit.accesses
from sealway.audit.anchors import load_anchors
from sealway.audit.reports import as_html
from sealway.audit.verifying import verify_bundle
from sealway.cli.audit import audit
from signing.encoding import format_time
from tests.integration.api.conftest import edge, initialised, running, stopped
from tests.support.agencies import BENEFITS, BUS
from tests.support.http import AUDITOR, FOUNDER, OPERATOR, Edge, code_of, integrator

__all__ = ["edge", "initialised", "running", "stopped"]


async def read_one(edge: Edge) -> str:
    """Send a request and have the auditor read its answer; the request's id."""
    asked = edge.running.ask()
    assert (await edge.send(asked)).status_code in (200, 202)
    id_ = asked.manifest.id
    assert (await edge.get(f"/v1/messages/{id_}/parts/body", AUDITOR)).status_code == 200
    return id_


async def listed(edge: Edge, query: str = "") -> list[dict[str, Any]]:
    """All pages, as a client follows them."""
    found, path = [], f"/v1/reads{query}"
    for _ in range(100):
        response = await edge.get(path, AUDITOR)
        assert response.status_code == 200, response.text
        found += response.json()["items"]
        if "next" not in response.links:
            return found
        path = response.links["next"]["url"]
    raise AssertionError("the list has no end")


async def test_an_auditor_sees_who_read_what(edge: Edge) -> None:
    id_ = await read_one(edge)
    await edge.post("/v1/exports", {"reason": "case 12"}, AUDITOR)
    person = (await edge.person(AUDITOR)).id
    read, export = await listed(edge)
    assert (read["kind"], read["message"], read["part"]) == ("read", id_, "body")
    assert (read["person"], read["role"], read["from"]) == (f"person:{person}", AUDITOR, BENEFITS)
    assert (export["kind"], export["reason"]) == ("export", "case 12")
    assert export["selection"] == {"form": "full", "accesses": True}
    assert export["index"] > read["index"]


async def test_filters_take_what_matches(edge: Edge) -> None:
    first, second = await read_one(edge), await read_one(edge)
    edge.running.clock.ahead_ms += 60_000
    later = format_time(edge.running.clock())
    edge.running.clock.ahead_ms += 1
    await edge.post("/v1/exports", {}, AUDITOR)
    person = (await edge.person(AUDITOR)).id
    messages = [one.get("message") for one in await listed(edge)]
    assert messages == [first, second, None]
    assert [one["message"] for one in await listed(edge, f"?message={second}")] == [second]
    assert [one["kind"] for one in await listed(edge, "?kind=export")] == ["export"]
    assert [one["kind"] for one in await listed(edge, f"?since={later}")] == ["export"]
    assert [one["kind"] for one in await listed(edge, f"?until={later}")] == ["read", "read"]
    assert len(await listed(edge, f"?person={person}")) == 3
    assert len(await listed(edge, f"?person=person:{person}&limit=1")) == 3
    assert await listed(edge, "?person=p0") == []


async def test_a_long_log_comes_in_pages_that_may_be_empty(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await read_one(edge) for _ in range(3)]
    monkeypatch.setattr(exchange.audit.accesses, "LEAVES_MAX", 2)
    assert (await edge.get("/v1/reads", AUDITOR)).json()["items"] == []
    assert [one["message"] for one in await listed(edge)] == ids
    assert [one["message"] for one in await listed(edge, f"?message={ids[2]}")] == ids[2:]


async def test_nobody_else_is_told(edge: Edge) -> None:
    assert code_of(await edge.get("/v1/reads")) == "token-missing"
    for who in (BENEFITS, FOUNDER, OPERATOR, integrator("sx/GOV/1001")):
        assert code_of(await edge.get("/v1/reads", who)) == "role-missing"


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "message=x",
        "kind=heads",
        "after=1:0",
        "after=0",
        "after=0:x",
        "limit=101",
    ],
)
async def test_what_cannot_be_asked_is_refused(edge: Edge, query: str) -> None:
    assert code_of(await edge.get(f"/v1/reads?{query}", AUDITOR)) == "request-invalid"


async def test_a_copied_folder_says_the_same(
    edge: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    await read_one(edge)
    id_ = await read_one(edge)
    await edge.post("/v1/exports", {"reason": "case 12"}, AUDITOR)
    online = await listed(edge)
    folder, key = stop_and_find(edge)
    await edge.running.close()
    keys = ["--log-key", key, "--epoch-keys", str(folder / "keys" / "epoch-1")]
    code, said = reads(capsys, str(folder / "data"), *keys)
    assert (code, said["verdict"], said["items"]) == (0, "proven", online)
    code, said = reads(capsys, str(folder / "data"), *keys, "--message", id_)
    assert [one["message"] for one in said["items"]] == [id_]
    code, said = reads(capsys, str(folder / "data"), "--log-key", key)
    assert (code, said["not_readable"]) == (2, 3)
    assert [one["person"] for one in said["items"]] == [None, None, None]


async def test_a_bundle_says_when_and_of_which_message(
    edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    id_ = await read_one(edge)
    asked = {"selection": {"accesses": False}}
    data = (await edge.post("/v1/exports", asked, AUDITOR)).content
    _, key = stop_and_find(edge)
    (tmp_path / "case.zip").write_bytes(data)
    (tmp_path / "anchors.toml").write_text(f'bus = "{BUS}"\nlog_keys = ["{key}"]\n')
    given = [str(tmp_path / "case.zip"), "--anchors", str(tmp_path / "anchors.toml")]
    code, said = reads(capsys, *given)
    assert (code, said["verdict"]) == (0, "proven")
    assert [one.get("message") for one in said["items"]] == [id_, None]
    assert said["items"][0]["person"] is None
    assert reads(capsys, *given, "--message", id_)[1]["items"] == said["items"][:1]
    (tmp_path / "case.zip").write_bytes(data.replace(b'"k":"read"', b'"k":"reed"'))
    assert reads(capsys, *given)[0] == 1


async def test_a_full_bundle_says_who_unless_the_record_was_erased(
    edge: Edge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    id_ = await read_one(edge)
    folder, key = stop_and_find(edge)
    person = f"person:{(await edge.person(AUDITOR)).id}"
    asked = {"reason": "case 12"}
    (tmp_path / "case.zip").write_bytes((await edge.post("/v1/exports", asked, AUDITOR)).content)
    (tmp_path / "anchors.toml").write_text(f'bus = "{BUS}"\nlog_keys = ["{key}"]\n')
    given = [str(tmp_path / "case.zip"), "--anchors", str(tmp_path / "anchors.toml")]
    code, said = reads(capsys, *given, "--person", person)
    assert (code, [one.get("message") for one in said["items"]]) == (0, [id_, None])
    report = verify_bundle(tmp_path / "case.zip", load_anchors(tmp_path / "anchors.toml"))
    told = report.to_object()["accesses"]
    assert (told["reads"], told["exports"], told["hidden"]) == (1, 1, 0)
    assert told["people"] == {person: {"reads": 1, "exports": 1}}
    assert told["listed"][1]["reason"] == "case 12"
    assert "case 12" in as_html(report.to_object())
    with closing(sqlite3.connect(folder / "data" / "sealway.db")) as database, database:
        where = "WHERE shard = 0 AND idx = ?"
        done = database.execute(
            f"UPDATE record SET key = NULL {where}", (said["items"][0]["index"],)
        )
        assert done.rowcount == 1
    (tmp_path / "case.zip").write_bytes((await edge.post("/v1/exports", {}, AUDITOR)).content)
    report = verify_bundle(tmp_path / "case.zip", load_anchors(tmp_path / "anchors.toml"))
    assert (report.verdict, dict(report.findings.counts)) == ("incomplete", {"act-gone": 1})
    told = report.to_object()["accesses"]
    assert (told["reads"], told["people"]) == (1, {person: {"reads": 0, "exports": 2}})


async def test_a_party_bundle_counts_what_it_hides(edge: Edge, tmp_path: Path) -> None:
    await read_one(edge)
    _, key = stop_and_find(edge)
    party = {"form": "party", "party": [BENEFITS.rpartition("/")[0]]}
    asked = {"selection": {**party, "accesses": True}}
    assert (await edge.post("/v1/exports", asked, AUDITOR)).status_code == 422
    found = await edge.post("/v1/exports", {"selection": party}, AUDITOR)
    (tmp_path / "case.zip").write_bytes(found.content)
    (tmp_path / "anchors.toml").write_text(f'bus = "{BUS}"\nlog_keys = ["{key}"]\n')
    report = verify_bundle(tmp_path / "case.zip", load_anchors(tmp_path / "anchors.toml"))
    assert report.verdict == "proven"
    told = report.to_object()["accesses"]
    assert told == {"reads": 0, "exports": 0, "people": {}, "hidden": 2, "listed": []}


def stop_and_find(edge: Edge) -> tuple[Path, str]:
    """The folder of the bus, and the key of its log 0."""
    return edge.running.folder, edge.running.bus.api.directory_log.writer.verifier_key


def reads(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """`sealway audit reads` with these arguments: exit code and what it said."""
    capsys.readouterr()
    code = audit.main(["reads", *arguments, "--json"], standalone_mode=False)
    return int(code), json.loads(capsys.readouterr().out)

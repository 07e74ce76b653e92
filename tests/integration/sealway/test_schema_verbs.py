"""`sealway schema` against a running bus: register, look, end, export, apply elsewhere."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.api.app import create_app
from schemas.compatibility.verdicts import Answer, Judged
from sealway.cli.main import main
from sealway.cli.session import Outside
from sealway.comparing import Worker
from tests.support.agencies import PERSON_STATUS
from tests.support.bus import RunningBus, initialised, running, stopped
from tests.support.refused_schemas import latest

__all__ = ["initialised", "running", "stopped"]

OLD = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
MORE = {**OLD, "properties": {**OLD["properties"], "b": {"type": "integer"}}}  # type: ignore[dict-item]
OTHER = {**OLD, "properties": {"a": {"type": "integer"}}}
Run = Callable[..., Awaitable[tuple[int, str, str]]]


class ToLoop(httpx.BaseTransport):
    """A synchronous client's way to an application on this test's loop."""

    def __init__(self, running: RunningBus, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = httpx.ASGITransport(create_app(running.bus.api))
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answer() -> tuple[httpx.Response, bytes]:
            whole = httpx.Request(
                request.method, request.url, headers=request.headers, content=request.content
            )
            response = await self._inner.handle_async_request(whole)
            return response, await response.aread()

        request.read()
        response, body = asyncio.run_coroutine_threadsafe(answer(), self._loop).result(60)
        return httpx.Response(response.status_code, headers=response.headers, content=body)


@pytest.fixture
def run(running: RunningBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb as the founder: exit code, standard output, standard error."""
    home, api = tmp_path / "home", running.bus.api
    (home / "profiles").mkdir(parents=True)
    (home / "profiles" / "founder.toml").write_text(
        f'url = "{api.public_url}"\nbus = "{api.bus}"\ninstance = "{api.instance}"\n'
        f'token = "{running.folder / "founder.token"}"\n'
    )
    monkeypatch.setenv("SEALWAY_HOME", str(home))
    monkeypatch.setenv("SEALWAY_PROFILE", "founder")

    async def call(*words: object) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        outside = Outside(transport=ToLoop(running, asyncio.get_running_loop()))

        def verb() -> int:
            with redirect_stdout(out), redirect_stderr(err):
                return main([str(word) for word in words], outside)

        code = await asyncio.to_thread(verb)
        return code, out.getvalue(), err.getvalue()

    return call


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, Any], Path]:
    """A schema in a file."""

    def write(name: str, keywords: dict[str, Any]) -> Path:
        (tmp_path / name).write_text(latest(**keywords))
        return tmp_path / name

    return write


async def test_a_schema_lives_from_draft_to_retired(run: Run, file: Any) -> None:
    one, two = file("1.json", OLD), file("2.json", MORE)
    code, out, _ = await run("schema", "add", one, "--subject", "permit", "--draft")
    assert (code, out.splitlines()[0]) == (0, "permit version 1, id 3, draft")
    assert (await run("schema", "activate", "permit@1"))[1].startswith("permit version 1, id 3, a")
    code, out, _ = await run("schema", "add", two, "--subject", "permit", "--dry-run")
    assert (code, out.splitlines()[0][:9]) == (0, "admitted:")
    assert "compatible: yes (FULL_TRANSITIVE, EVOLVE, 2 readings)" in out
    code, out, _ = await run("schema", "add", two, "--subject", "permit")
    assert (code, out.splitlines()[0]) == (0, "permit version 2, id 4, active")
    code, out, err = await run("schema", "deprecate", "permit@1", "--successor", "4")
    assert (code, out.splitlines()[0]) == (0, "permit version 1, id 3, deprecated")
    assert "No sunset was given" in err
    again = ("schema", "deprecate", "3", "--sunset", "2099-06-30", "--json")
    told = json.loads((await run(*again))[1])
    assert told["sunset"] == "2099-06-30T00:00:00.000Z"
    assert (await run("schema", "delete", "permit@1"))[0] == 1
    assert (await run("schema", "retire", "permit@1"))[0] == 0
    assert (await run("schema", "activate", "permit@1"))[0] == 1
    assert json.loads((await run("schema", "show", "permit@1", "--json"))[1])["state"] == "retired"
    assert json.loads((await run("schema", "show", "permit", "--json"))[1])["version"] == 2
    code, _, err = await run("schema", "retire", "permit@9")
    assert (code, "there are: 1, 2." in err) == (3, True)
    code, _, err = await run("schema", "show", "no-such-subject")
    assert (code, "There is no subject 'no-such-subject'" in err) == (3, True)


async def test_a_no_shows_the_instance_and_an_unknown_asks_for_a_decision(
    run: Run, file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run("schema", "add", file("1.json", OLD), "--subject", "permit")
    code, out, err = await run("schema", "add", file("3.json", OTHER), "--subject", "permit")
    assert code == 1
    assert "refused at /a: Must be of type" in out
    assert "schema-incompatible" in err
    code, out, _ = await run(
        "schema", "add", file("3.json", OTHER), "--subject", "permit", "--json"
    )
    assert (code, json.loads(out)["answer"]) == (1, "no")
    monkeypatch.setattr(Worker, "judge", lambda *_: Judged(Answer.UNKNOWN, "Can't tell."))
    more = file("2.json", MORE)
    assert (await run("schema", "add", more, "--subject", "permit", "--dry-run"))[0] == 2
    code, out, err = await run("schema", "add", more, "--subject", "permit")
    assert (code, "compatible: can't tell" in out, "schema-undecided" in err) == (2, True, True)
    decided = ("schema", "add", more, "--subject", "permit", "--decide", "Both ends are ours")
    code, out, _ = await run(*decided, "--json")
    assert code == 0
    assert json.loads(out)["compatibility"]["decision"] == {
        "by": "person:founder",
        "why": "Both ends are ours",
    }


async def test_what_is_in_use_does_not_retire_and_says_who_uses_it(run: Run) -> None:
    code, out, err = await run("schema", "retire", "question@1")
    assert (code, "schema-in-use" in err) == (1, True)
    assert f"{PERSON_STATUS} (request, version 1)" in out


async def test_rules_are_shown_and_set(run: Run, file: Any) -> None:
    assert "FULL_TRANSITIVE" in (await run("schema", "rules", "permit"))[1]
    code, out, _ = await run("schema", "rules", "permit", "--level", "none", "--json")
    assert (code, json.loads(out)["level"]) == (0, "NONE")
    for name, keywords in (("1.json", OLD), ("3.json", OTHER)):
        assert (await run("schema", "add", file(name, keywords), "--subject", "permit"))[0] == 0
    await run("schema", "rules", "permit", "--level", "INHERIT")
    assert (await run("schema", "rules", "--bus", "--level", "backward", "--policy", "strict"))[
        0
    ] == 0
    out = (await run("schema", "rules", "permit", "--json"))[1]
    assert json.loads(out) == {"subject": "permit", "level": "BACKWARD", "policy": "STRICT"}
    assert (await run("schema", "rules"))[0] == 3
    assert (await run("schema", "rules", "--bus"))[0] == 3


async def test_an_export_is_applied_again_and_changes_nothing(
    run: Run, file: Any, tmp_path: Path
) -> None:
    example = tmp_path / "ok.json"
    example.write_text('{"a": "x"}')
    await run("schema", "add", file("1.json", OLD), "--subject", "permit/x", "--example", example)
    user = file("u.json", {"items": {"$ref": "urn:p"}})
    added = ("schema", "add", user, "--subject", "list", "--reference", "urn:p=permit/x@1")
    assert (await run(*added))[0] == 0
    folder = tmp_path / "out"
    code, out, _ = await run("schema", "export", folder, "--subject", "list")
    assert (code, out) == (0, f"2 schemas in {folder}\n")
    assert sorted(one.name for one in folder.iterdir()) == [
        "00003-permit_x.v1.examples.1.txt",
        "00003-permit_x.v1.json",
        "00004-list.v1.json",
        "network.toml",
    ]
    assert (folder / "00003-permit_x.v1.json").read_text() == latest(**OLD)
    code, out, _ = await run("apply", folder / "network.toml", "--json")
    assert (code, json.loads(out)["changed"]) == (0, 0)
    assert (await run("schema", "export", folder))[0] == 3
    assert (await run("schema", "export", tmp_path / "no", "--subject", "nobody"))[0] == 3

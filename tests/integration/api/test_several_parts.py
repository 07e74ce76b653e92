"""Several parts over HTTP, in a frame; behind an adapter that takes none."""

from pathlib import Path
from typing import Any

import pytest

from adapters.base import Adapter, AdapterRequest, Attachment, Reject
from adapters.egress import Egress
from adapters.rest import RestAdapter
from adapters.sql import SqlAdapter
from signing.compose import PartIn
from signing.message import FRAME_TYPE
from tests.support.agencies import BENEFITS, CIVIL, POPULATION, TERRITORIES
from tests.support.http import Edge, code_of

BODY = PartIn(b'{"person_code":"1"}')
PHOTO = PartIn(b"\x89PNG<script>", "photo.png", "image/png")
CONTEXT = PartIn(b'{"case":"7/2026"}', "context")


async def test_each_part_is_given_to_the_parties_as_it_was_sent(edge: Edge) -> None:
    request = edge.running.ask(parts=[BODY, PHOTO, CONTEXT])
    assert (await edge.send(request)).status_code == 202
    path = f"/v1/messages/{request.manifest.id}/parts/photo.png"
    got = await edge.get(path, CIVIL)
    assert (got.content, got.headers["content-type"]) == (PHOTO.data, "image/png")
    assert "sandbox" in got.headers["content-security-policy"]
    assert code_of(await edge.get(path, TERRITORIES)) == "not-found"


async def test_an_answer_of_several_parts_comes_in_a_frame(edge: Edge) -> None:
    request = edge.running.ask(POPULATION, parts=[BODY, PHOTO])
    await edge.send(request)
    answer = edge.running.reply(request, parts=[PartIn(b'{"status":"alive"}'), PHOTO])
    assert (await edge.send(answer)).status_code == 202
    got = await edge.get(f"/v1/messages/{request.manifest.id}/answer", BENEFITS)
    assert (got.headers["content-type"], got.content) == (FRAME_TYPE, answer.frame)


async def test_the_short_form_carries_one_part(edge: Edge) -> None:
    request = edge.running.ask(parts=[BODY, PHOTO])
    lines = {"sealway-envelope": request.envelope.decode(), "sealway-salt": "A" * 43}
    got = await edge.http.post("/v1/messages", content=BODY.data, headers=lines)
    assert code_of(got) == "part-missing"


async def test_an_adapter_is_told_of_parts_beside_the_body(edge: Edge) -> None:
    request = edge.running.ask(parts=[BODY, CONTEXT, PHOTO])
    assert (await edge.send(request, prefer="wait=5")).status_code == 200
    (asked,) = edge.running.adapter.asked
    assert asked.body == BODY.data
    assert asked.context == CONTEXT.data
    assert asked.attachments == (Attachment("photo.png", "image/png", PHOTO.data),)


REST = {"base": "http://127.0.0.1:9", "services": {"echo": {"path": "/"}}}
SQL = {"url": "sqlite:///x.db", "services": {"echo": {"query": "SELECT 1 AS one"}}}


@pytest.mark.parametrize(("kind", "table"), [(RestAdapter, REST), (SqlAdapter, SQL)])
async def test_an_adapter_that_takes_no_attachments_says_so(
    kind: type[Adapter], table: dict[str, Any], tmp_path: Path
) -> None:
    egress = Egress(["127.0.0.1:9"])
    adapter = kind.from_settings("echo", table, egress, folder=tmp_path)
    await adapter.start()
    request = AdapterRequest(
        "id", BENEFITS, CIVIL, "echo", 1, "application/json", b"{}",
        attachments=(Attachment("photo.png", "image/png", b""),),
    )  # fmt: skip
    said = await adapter.answer(request)
    assert isinstance(said, Reject)
    assert said.text == "This service takes no attachments."
    await adapter.close()
    await egress.close()

"""Several parts: attachments and the context, through both clients, a provider and the verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealway import Attachment, Client, Provider, Request, Response
from sealway.cli.main import main
from sealway.cli.session import Outside
from signing.errors import EnvelopeMalformed, ManifestInvalid
from tests.support.fake_bus import FakeBus, FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
FORM = Attachment("form.pdf", b"%PDF-1.7", "application/pdf")
Answering = Callable[[Callable[[Any], Any]], None]


def both_ways(request: Request) -> Response:
    return Response({"status": "alive"}, attachments=request.attachments, context=request.context)


def test_parts_go_and_come_back(client: Client, answering: Answering) -> None:
    seen: list[Request] = []
    answering(lambda request: seen.append(request) or both_ways(request))
    context = {"case": "7/2026", "official": "M. Maasikas"}
    answer = client.ask(
        REGISTRY,
        "person-status",
        {"a": 1},
        attachments=[FORM, Attachment("x", b"")],
        context=context,
    )
    assert (seen[0].json, seen[0].context) == ({"a": 1}, context)
    assert seen[0].attachments == (FORM, Attachment("x", b""))
    assert (answer.json, answer.context) == ({"status": "alive"}, context)
    assert answer.attachments == seen[0].attachments
    assert answer.part("form.pdf") == FORM.body


def test_what_has_a_body_alone_has_no_attachments(client: Client, answering: Answering) -> None:
    answering(lambda _: {"status": "alive"})
    answer = client.ask(REGISTRY, "person-status", {})
    assert (answer.attachments, answer.context) == ((), None)


@pytest.mark.parametrize(
    ("attachments", "error"),
    [
        ([Attachment("body", b"")], ValueError),
        ([Attachment("context", b"")], ValueError),
        ([Attachment("../x", b"")], ManifestInvalid),
        ([Attachment("x", b"", "text/plain; charset=utf-8")], ManifestInvalid),
        ([FORM, FORM], ManifestInvalid),
        ([Attachment(f"p{n}", b"") for n in range(32)], ManifestInvalid),
        ([Attachment(f"{n:064}", b"", "a/" + "b" * 100) for n in range(31)], EnvelopeMalformed),
    ],
    ids=["body", "context", "a path", "parameters", "twice", "33", "too long together"],
)
def test_what_can_be_no_part_is_said_before_it_is_sent(
    client: Client, bus: FakeBus, attachments: list[Attachment], error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.send(REGISTRY, "person-status", {}, attachments=attachments)
    assert bus.calls == []


def test_a_handler_that_returns_no_part_is_a_failed_handler(
    client: Client, provider: Provider, bus: FakeBus
) -> None:
    provider.service("person-status")(lambda _: Response({}, attachments=[Attachment("body", b"")]))
    exchange = client.send(REGISTRY, "person-status", {})
    provider.serve_once()
    assert exchange.state().is_open


def verb(bus: FakeBus, *words: str) -> int:
    return main((*words, "--profile", "benefits"), Outside(bus.clock, bus.transport))


def test_the_command_line_attaches_and_keeps(
    bus: FakeBus, benefits: FakeSystem, answering: Answering, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    answering(both_ways)
    (tmp_path / "form.pdf").write_bytes(FORM.body)
    ask = ("ask", REGISTRY, "person-status", "{}", "--attach", "form.pdf=form.pdf")
    code = verb(bus, *ask, "--context", '{"case":"7"}', "--parts", "out", "--json")
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["attachments"] == [{"name": "form.pdf", "type": "application/pdf", "size": 8}]
    assert said["context"] == {"case": "7"}
    assert (tmp_path / "out" / "form.pdf").read_bytes() == FORM.body
    assert verb(bus, *ask, "--parts", "out") == 3, "nothing is written over"
    assert verb(bus, *ask[:-1], "form.pdf") == 3
    assert verb(bus, *ask, "--context", "7") == 3

"""Messages of services whose schemas are Avro or XSD: their types, and what is wrong with them."""

import sys

import pytest

from registry.changes import Change
from signing.compose import PartIn
from tests.support.agencies import PERSON_STATUS, POPULATION, service
from tests.support.bus import RunningBus
from tests.support.refused_schemas import ROOT, record, xsd

TEXTS = {"avro": record({"name": "code", "type": "string"}), "xsd": xsd(ROOT)}
PARTS = {
    ("avro", "avro/binary"): (b"\x02a", b"\x02"),
    ("avro", "avro/json"): (b'{"code": "a"}', b'{"code": 1}'),
    ("xsd", "application/xml"): (b'<a xmlns="urn:p">x</a>', b"<a>x</a>"),
}


async def speaking(running: RunningBus, format: str) -> None:
    await running.change(
        Change("schema", {"subject": format, "format": format, "text": TEXTS[format]}),
        service(
            POPULATION,
            title="A service of another format",
            request_schema={"subject": format},
            response_schema={"subject": format},
        ),
    )


@pytest.mark.parametrize(("format", "type_"), PARTS)
async def test_a_body_is_checked_in_the_way_its_type_says(
    running: RunningBus, format: str, type_: str
) -> None:
    await speaking(running, format)
    good, bad = PARTS[format, type_]
    request = running.ask(POPULATION, parts=[PartIn(good, type=type_)])
    assert await running.outcome(request) == "accepted"
    broken = running.ask(POPULATION, parts=[PartIn(bad, type=type_)])
    assert await running.outcome(broken) == "payload-invalid"
    answer = running.reply(request, parts=[PartIn(bad, type=type_)])
    assert await running.outcome(answer) == "payload-invalid"
    answer = running.reply(request, parts=[PartIn(b"{}")])
    assert await running.outcome(answer) == "body-type-unsupported"
    answer = running.reply(request, parts=[PartIn(good, type=type_)])
    assert await running.outcome(answer) == "accepted"


@pytest.mark.parametrize("format", TEXTS)
async def test_a_body_of_another_formats_type_is_refused(running: RunningBus, format: str) -> None:
    await speaking(running, format)
    for type_ in {"application/json", "text/xml", *(one for _, one in PARTS)}:
        if (format, type_) not in PARTS:
            asked = running.ask(POPULATION, parts=[PartIn(b"{}", type=type_)])
            assert await running.outcome(asked) == "body-type-unsupported"
    asked = running.ask(PERSON_STATUS, parts=[PartIn(b"\x02a", type="avro/binary")])
    assert await running.outcome(asked) == "body-type-unsupported"


async def test_a_bus_that_lost_the_library_refuses_and_goes_on(
    running: RunningBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await speaking(running, "xsd")
    monkeypatch.setitem(sys.modules, "lxml", None)
    good, _ = PARTS["xsd", "application/xml"]
    asked = running.ask(POPULATION, parts=[PartIn(good, type="application/xml")])
    assert await running.outcome(asked) == "schema-unknown"
    assert await running.outcome(running.ask()) == "accepted"

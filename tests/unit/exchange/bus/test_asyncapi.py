"""The description of the topics is what is sent, and the committed file is current."""

import json
from pathlib import Path

import pytest

from exchange.bus.kafka.asyncapi import RECORDS, document, main
from exchange.bus.kafka.checkpoints import CHECKPOINT_TOPIC, checkpoint_headers
from exchange.bus.kafka.records import headers_of
from exchange.bus.kafka.sealing import Header
from exchange.bus.kafka.topics import TOPICS
from exchange.bus.port import BusRecord, DeadLetter, Dispatch, Signal, SignalKind, Topic
from signing.identifiers import MessageId, ServiceCode, SystemId

ROOT = Path(__file__).parents[4]
ID = MessageId("01a201fb-aa7b-7cc0-98c4-000000000001")
CIVIL = SystemId("sx/GOV/2002/civil-registry")
SERVICE = ServiceCode("person-status")
BARE = [
    BusRecord.dispatch(Dispatch(ID, CIVIL, "request", 1, 2, 3)),
    BusRecord.signal(Signal(SignalKind.DIRECTORY)),
    BusRecord.dead(DeadLetter(ID, CIVIL, None, "provider-misbehaved", 5)),
]
FULL = [
    BusRecord.dispatch(Dispatch(ID, CIVIL, "event", 1, 2, 3, SERVICE, 4, "x", 1, "00-trace")),
    BusRecord.signal(Signal(SignalKind.ANSWERED, ID, CIVIL, SERVICE, 7, "x", 1, "00-trace")),
    BusRecord.dead(DeadLetter(ID, CIVIL, SERVICE, "x", 5, traceparent="00-trace")),
]


def sent() -> list[tuple[str, list[Header], bool]]:
    records = [(one.topic.value, headers_of(one, "sx.example"), False) for one in BARE]
    records += [(one.topic.value, headers_of(one, "sx.example"), True) for one in FULL]
    for at_ms in (None, 5):
        headers = checkpoint_headers("sx.example", "sx.example/log/1", at_ms)
        records.append((CHECKPOINT_TOPIC, headers, at_ms is not None))
    return records


@pytest.mark.parametrize(("topic", "headers", "is_full"), sent())
def test_describes_the_headers_that_are_sent(
    topic: str, headers: list[Header], is_full: bool
) -> None:
    described = document()["components"]["messages"][RECORDS[topic].title]["headers"]
    fields = {name: value.decode() for name, value in headers}
    assert set(described["required"]) <= set(fields) <= set(described["properties"])
    if is_full:
        assert set(fields) == set(described["properties"])
    assert fields["ce_type"] in described["properties"]["ce_type"]["enum"]


def test_describes_every_topic() -> None:
    assert set(RECORDS) == {topic.name for topic in TOPICS}
    assert {topic.value for topic in Topic} < set(RECORDS)


def test_the_committed_file_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    committed = (ROOT / "docs" / "asyncapi.json").read_text("utf-8")
    assert printed == committed, "run python -m exchange.bus.kafka.asyncapi > docs/asyncapi.json"
    assert json.loads(printed)["asyncapi"] == "3.0.0"

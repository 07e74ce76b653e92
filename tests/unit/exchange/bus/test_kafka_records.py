"""Records as CloudEvents headers and back, and values that only the bus opens."""

import secrets

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.publisher import partition_of
from exchange.bus.kafka.records import headers_of, parse_record
from exchange.bus.kafka.sealing import OVERHEAD_BYTES, bound_to, open_value, seal_value
from exchange.bus.port import BusRecord, DeadLetter, Dispatch, Signal, SignalKind, Topic
from signing.at_rest import EpochKeys, EpochUnknown, StoredInvalid
from signing.identifiers import MessageId, ServiceCode, SystemId

ID = MessageId("01a201fb-aa7b-7cc0-98c4-dc0c0c07398f")
SYSTEM = SystemId("sx/GOV/2002/civil-registry")
SERVICE = ServiceCode("person-status")
EPOCHS = EpochKeys(3, {3: secrets.token_bytes(32)})

signals = st.builds(
    Signal,
    kind=st.sampled_from(SignalKind),
    message_id=st.sampled_from([None, ID]),
    recipient=st.sampled_from([None, SYSTEM]),
    service=st.sampled_from([None, SERVICE]),
    version=st.none() | st.integers(0, 2**53),
)
dispatches = st.builds(
    Dispatch,
    message_id=st.just(ID),
    recipient=st.just(SYSTEM),
    kind=st.sampled_from(["request", "cancel", "event"]),
    shard=st.integers(0, 10_000),
    index=st.integers(0, 2**53),
    accepted_at_ms=st.integers(0, 2**42),
    service=st.sampled_from([None, SERVICE]),
    answer_by_ms=st.none() | st.integers(0, 2**42),
)
dead_letters = st.builds(
    DeadLetter,
    message_id=st.just(ID),
    recipient=st.just(SYSTEM),
    service=st.sampled_from([None, SERVICE]),
    cause=st.sampled_from(["outcome-unknown", "provider-misbehaved"]),
    at_ms=st.integers(0, 2**42),
)


@given(
    signals.map(BusRecord.signal)
    | dispatches.map(BusRecord.dispatch)
    | dead_letters.map(BusRecord.dead)
)
def test_headers_say_the_whole_record(record: BusRecord) -> None:
    headers = headers_of(record, "sx.example")
    assert parse_record(record.topic, record.key.encode(), headers) == record


@pytest.mark.parametrize(
    "change",
    [
        {"ce_specversion": b"0.3"},
        {"ce_type": b"sealway.deliver.gossip"},
        {"ce_id": b"7"},
        {"ce_recipient": b"nobody"},
        {"ce_service": b"NO SERVICE"},
        {"ce_index": b"first"},
        {"ce_time": b"yesterday"},
        {"ce_id": "é".encode()},
        {"ce_shard": None},
    ],
    ids=str,
)
def test_what_says_something_else_is_none_of_ours(change: dict[str, bytes | None]) -> None:
    dispatch = Dispatch(ID, SYSTEM, "request", 1, 2, 3, SERVICE)
    fields: dict[str, bytes | None] = dict(headers_of(BusRecord.dispatch(dispatch), "sx.example"))
    fields.update(change)
    headers = [(name, value) for name, value in fields.items() if value is not None]
    assert parse_record(Topic.DELIVER, SYSTEM.encode(), headers) is None


def test_a_key_that_is_no_text_is_none_of_ours() -> None:
    headers = headers_of(BusRecord.signal(Signal(SignalKind.DIRECTORY, version=1)), "sx.example")
    assert parse_record(Topic.SIGNAL, b"\xff", headers) is None


BOUND = bound_to("sealway.deliver", b"key", [("ce_id", b"1"), ("traceparent", b"x")])


def test_a_sealed_value_opens_and_is_another_each_time() -> None:
    first, second = (seal_value(b"payload", BOUND, EPOCHS) for _ in range(2))
    assert open_value(first, BOUND, EPOCHS) == b"payload" == open_value(second, BOUND, EPOCHS)
    assert first != second
    assert len(first) == len(b"payload") + OVERHEAD_BYTES


@pytest.mark.parametrize("at", [0, 4, 30, 44, 50, -1])
def test_a_value_with_one_bit_turned_does_not_open(at: int) -> None:
    value = bytearray(seal_value(b"payload", BOUND, EPOCHS))
    value[at] ^= 1
    with pytest.raises(StoredInvalid):
        open_value(bytes(value), BOUND, EPOCHS)


@pytest.mark.parametrize(
    ("topic", "key", "headers"),
    [
        ("sealway.signal", b"key", [("ce_id", b"1")]),
        ("sealway.deliver", b"yek", [("ce_id", b"1")]),
        ("sealway.deliver", b"key", [("ce_id", b"2")]),
        ("sealway.deliver", b"key", []),
    ],
)
def test_a_value_opens_only_under_its_own_name(
    topic: str, key: bytes, headers: list[tuple[str, bytes]]
) -> None:
    value = seal_value(b"payload", BOUND, EPOCHS)
    with pytest.raises(StoredInvalid):
        open_value(value, bound_to(topic, key, headers), EPOCHS)


def test_headers_that_others_add_on_the_way_do_no_harm() -> None:
    value = seal_value(b"payload", BOUND, EPOCHS)
    more = [("ce_id", b"1"), ("traceparent", b"y"), ("mirrored-by", b"z")]
    assert open_value(value, bound_to("sealway.deliver", b"key", more), EPOCHS) == b"payload"


def test_a_value_of_an_epoch_that_is_gone_stays_closed() -> None:
    value = seal_value(b"payload", BOUND, EPOCHS)
    with pytest.raises(EpochUnknown):
        open_value(value, BOUND, EpochKeys(4, {4: secrets.token_bytes(32)}))


def test_a_value_too_short_to_be_sealed_is_refused() -> None:
    with pytest.raises(StoredInvalid):
        open_value(b"x" * (OVERHEAD_BYTES - 1), BOUND, EPOCHS)


def test_a_prefix_names_every_topic() -> None:
    brokers = Brokers("127.0.0.1:9092", prefix="north")
    assert [brokers.topic(topic) for topic in Topic] == [
        "north.deliver",
        "north.signal",
        "north.dead",
    ]
    assert brokers.named("sealway.dead") == "north.dead"


@pytest.mark.parametrize(
    ("more", "protocol"),
    [({}, "PLAINTEXT"), ({"sasl_mechanism": "SCRAM-SHA-512"}, "SASL_PLAINTEXT")],
)
def test_a_cluster_is_entered_as_its_settings_say(more: dict[str, str], protocol: str) -> None:
    brokers = Brokers("127.0.0.1:9092", sasl_password="secret", **more)  # type: ignore[arg-type]
    assert brokers.options(5.0)["security_protocol"] == protocol
    assert "secret" not in repr(brokers)


def test_what_a_value_is_bound_to_is_the_same_in_every_version() -> None:
    headers = [("ce_id", b"1"), ("traceparent", b"x"), ("ce_subject", b"")]
    pieces = (b"sealway/bus/v1", b"t", b"key", b"ce_id", b"1", b"ce_subject", b"")
    expected = b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)
    assert bound_to("t", b"key", headers) == expected


def test_a_key_lies_where_every_client_of_kafka_puts_it() -> None:
    theirs = DefaultPartitioner()
    for count in (1, 7, 16):
        places = list(range(count))
        for number in range(50):
            key = f"sx/GOV/2002/system-{number}".encode()
            assert partition_of(key, places, ()) == theirs(key, places, places)

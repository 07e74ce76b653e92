"""What arrives is believed only when every step of its proof holds: one lie a test."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from sealway import Client, ProfileInvalid, ProofFailed
from sealway.profile import load_profile
from sealway.trust import Trust
from signing.log.leaf import encode_leaf, parse_leaf
from tests.support.fake_bus import BUS, YEAR_MS, FakeBus, FakeLog, FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
Answering = Callable[[Callable[[Any], Any]], None]


def ask(client: Client) -> Any:
    return client.ask(REGISTRY, "person-status", {"person_code": "1"}, timeout_s=5)


def lie(bus: FakeBus, what: str, change: Callable[[Any], Any]) -> None:
    bus.tamper = lambda where, value: change(value) if where == what else value


def refuses(client: Client, bus: FakeBus, words: str) -> None:
    """The provider is told the truth and answers; the lie is told to the consumer."""
    with pytest.raises(ProofFailed, match=words):
        collect(client, bus)


def collect(client: Client, bus: FakeBus) -> Any:
    lies = bus.tamper
    bus.tamper = lambda where, value: lies(where, value) if where == "leaf" else value
    exchange = client.send(REGISTRY, "person-status", {"person_code": "1"})
    assert bus.answer_later is not None
    bus.answer_later()
    bus.tamper = lies
    return exchange.answer()


def flip(data: bytes, at: int = -2) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


@pytest.fixture(autouse=True)
def alive(request: pytest.FixtureRequest) -> None:
    if "answering" in request.fixturenames:
        request.getfixturevalue("answering")(lambda _: {"status": "alive"})


def test_an_untouched_answer_is_believed(client: Client, answering: Answering) -> None:
    assert ask(client).json == {"status": "alive"}


def test_refuses_other_content_than_was_signed(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    lie(bus, "frame", flip)
    refuses(client, bus, "Part 'body'")


def test_refuses_a_receipt_that_the_log_key_did_not_sign(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    client.ask(REGISTRY, "person-status", {})
    bus.shard.signer = FakeLog(bus.shard.origin).signer
    refuses(client, bus, "not signed by")


def test_refuses_a_receipt_from_a_log_of_another_bus(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    lie(bus, "receipt", lambda text: text.replace("sx.example/log/1", "other.example/log/1"))
    refuses(client, bus, "not of this bus")


def test_refuses_a_receipt_for_another_message(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    first = ask(client).receipt.text
    lie(bus, "receipt", lambda _: first)
    refuses(client, bus, "other bytes")


def test_refuses_a_proof_that_does_not_lead_to_the_root(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    ask(client)

    def change(text: str) -> str:
        lines = text.split("\n")
        assert lines[2].startswith("index ")
        lines[3] = lines[3][:4] + ("A" if lines[3][4] != "A" else "B") + lines[3][5:]
        return "\n".join(lines)

    lie(bus, "receipt", change)
    refuses(client, bus, "proven")


@pytest.mark.parametrize(
    "members",
    [
        {"k": "rejection"},
        {"sender": "sx/GOV/9999/other"},
        {"to": "sx/GOV/9999/other"},
        {"svc": "other-service"},
        {"test": True},
    ],
    ids=lambda members: next(iter(members)),
)
def test_refuses_a_leaf_that_tells_another_story(
    client: Client, bus: FakeBus, answering: Answering, members: dict[str, Any]
) -> None:
    def change(raw: bytes) -> bytes:
        leaf = parse_leaf(raw)
        if leaf.k != "response":
            return raw
        told = dataclasses.asdict(leaf) | members
        names = ("k", "ts_ms", "reg", "env", "sender", "to", "svc", "test", "ref")
        return encode_leaf(**{name: told[name] for name in names})

    lie(bus, "leaf", change)
    refuses(client, bus, "another kind, party or service")


def test_refuses_the_answer_to_another_question(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    first = ask(client).id
    lie(bus, "answer", lambda _: first)
    refuses(client, bus, "another question")


def test_refuses_a_question_in_place_of_an_answer(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    first = client.send(REGISTRY, "person-status", {}).id
    lie(bus, "answer", lambda _: first)
    refuses(client, bus, "not an answer")


def test_refuses_the_certificate_of_somebody_else(
    client: Client, bus: FakeBus, benefits: FakeSystem, answering: Answering
) -> None:
    lie(bus, "x5t", lambda _: benefits.known.x5t)
    refuses(client, bus, "not about this certificate")


def test_refuses_a_record_that_log_0_does_not_hold(
    client: Client, bus: FakeBus, registry: FakeSystem, answering: Answering
) -> None:
    lie(bus, "trust", lambda said: said | {"record": said["record"][:-4] + "AAAA"})
    refuses(client, bus, "other bytes")


def test_refuses_a_record_proven_in_another_log(
    client: Client, bus: FakeBus, registry: FakeSystem, answering: Answering
) -> None:
    bus.log_0.signer = FakeLog(bus.log_0.origin).signer
    refuses(client, bus, "not signed by")


def test_refuses_a_certificate_told_by_a_record_of_another_kind(
    client: Client, bus: FakeBus, registry: FakeSystem, answering: Answering
) -> None:
    x5t = registry.known.x5t
    bus.trust[x5t] = bus.record("registry", "certificate", x5t, {"system": REGISTRY})
    refuses(client, bus, "not a trust record")


def test_refuses_an_answer_signed_by_another_system(
    client: Client, bus: FakeBus, registry: FakeSystem, answering: Answering
) -> None:
    thief = dataclasses.replace(registry, id="sx/GOV/9999/thief")
    bus.certify(thief)
    refuses(client, bus, "another system than the one it names")


def test_refuses_a_shard_key_told_for_another_log(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    other = FakeLog(f"{BUS}/log/2")
    after = {"n": 2, "origin": other.origin, "key": other.verifier_key, "state": "open"}
    bus.shard_record = bus.record("shard", "log", "2", after)
    refuses(client, bus, "another log")


def test_refuses_what_was_accepted_after_the_certificate_was_revoked(
    client: Client, bus: FakeBus, registry: FakeSystem, answering: Answering
) -> None:
    bus.certify(registry, "revoked")
    refuses(client, bus, "revoked")


def test_believes_what_was_accepted_before_the_certificate_was_revoked(
    client: Client, bus: FakeBus, registry: FakeSystem, answering: Answering
) -> None:
    exchange = client.send(REGISTRY, "person-status", {})
    assert bus.answer_later is not None
    bus.answer_later()
    bus.certify(registry, "revoked")
    assert exchange.answer().json == {"status": "alive"}


def test_refuses_what_was_accepted_outside_the_certificates_validity(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    later_ms = bus.clock.ms + 2 * YEAR_MS

    def change(raw: bytes) -> bytes:
        leaf = parse_leaf(raw)
        if leaf.k != "response":
            return raw
        return raw.replace(b'"ts":%d' % leaf.ts_ms, b'"ts":%d' % later_ms)

    lie(bus, "leaf", change)
    refuses(client, bus, "outside its validity")


def test_refuses_an_answer_whose_leaf_refers_to_another_question(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    def change(raw: bytes) -> bytes:
        leaf = parse_leaf(raw)
        return raw if leaf.ref is None else raw.replace(leaf.ref.encode(), leaf.env.encode())

    lie(bus, "leaf", change)
    exchange = ask(client).exchange
    with pytest.raises(ProofFailed, match="refers to another question"):
        _ = exchange.receipt


def test_refuses_json_with_two_readings(client: Client, bus: FakeBus, answering: Answering) -> None:
    answer = client.ask(REGISTRY, "person-status", {})
    assert dataclasses.replace(answer, body=b'{"a":1}').json == {"a": 1}
    with pytest.raises(ProofFailed, match="strict JSON"):
        _ = dataclasses.replace(answer, body=b'{"a":1,"a":2}').json


def test_refuses_an_answer_without_a_receipt(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    lie(bus, "receipt", lambda _: "")
    refuses(client, bus, "malformed")


def test_a_profile_pins_log_0_of_its_own_bus(
    bus: FakeBus, benefits: FakeSystem, client: Client
) -> None:
    profile = load_profile("benefits")
    with pytest.raises(ProfileInvalid, match="not of log 0"):
        Trust.of(dataclasses.replace(profile, log_key=bus.shard.verifier_key))
    with pytest.raises(ProfileInvalid, match="The log key can"):
        Trust.of(dataclasses.replace(profile, log_key="nonsense"))
    with pytest.raises(ProfileInvalid, match="pins no log_key"):
        Trust.of(dataclasses.replace(profile, log_key=None))


def test_records_of_log_0_and_of_its_successor_are_proven_under_their_own_keys(
    client: Client, bus: FakeBus, registry: FakeSystem, answering: Answering
) -> None:
    older = bus.log_0.verifier_key
    bus.succeed()
    bus.certify(registry)
    refuses(client, bus, r"sx\.example/log/0\.1, whose key is not pinned.*--log-key OLD")
    profile = dataclasses.replace(load_profile("benefits"), log_key=(older, bus.log_0.verifier_key))
    with Client(profile, clock=bus.clock, transport=bus.transport) as knowing:
        assert ask(knowing).json == {"status": "alive"}
    only = dataclasses.replace(profile, log_key=bus.log_0.verifier_key)
    with Client(only, clock=bus.clock, transport=bus.transport) as forgetful:
        refuses(forgetful, bus, r"sx\.example/log/0, whose key is not pinned")


def test_two_keys_for_one_log_are_refused(bus: FakeBus) -> None:
    other = FakeLog(bus.log_0.origin).verifier_key
    Trust(BUS, bus.log_0.verifier_key, bus.log_0.verifier_key)
    with pytest.raises(ProfileInvalid, match="Two keys"):
        Trust(BUS, bus.log_0.verifier_key, other)
    for name in (f"{BUS}/log/0.0", f"{BUS}/log/0.1x", f"{BUS}/log/0.", f"other{BUS}/log/0"):
        with pytest.raises(ProfileInvalid, match="not of log 0"):
            Trust(BUS, FakeLog(name).verifier_key)

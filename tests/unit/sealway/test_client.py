"""Asking: what comes back, when it doesn't, and what is sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sealway import (
    AnswerPending,
    BusUnavailable,
    Client,
    ProofFailed,
    Provider,
    Refused,
    Reject,
    Rejected,
)
from signing.errors import IdentifierInvalid
from signing.message import parse_frame
from tests.support.fake_bus import FakeBus, FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
Answering = Callable[[Callable[[Any], Any]], None]


def ask(client: Client, **options: Any) -> Any:
    content = {"person_code": "38001085718"}
    return client.ask(REGISTRY, "person-status", content, purpose="child-benefit", **options)


def posted(bus: FakeBus) -> list[bytes]:
    return [call.content for call in bus.calls if call.url.path == "/v1/messages"]


def test_gives_the_answer_with_its_signer_and_its_place_in_the_log(
    client: Client, answering: Answering
) -> None:
    answering(lambda request: {"status": "alive", "asked": request.json["person_code"]})
    answer = ask(client)
    assert answer.json == {"status": "alive", "asked": "38001085718"}
    assert (answer.signer, answer.type, answer.custody) == (REGISTRY, "application/json", "member")
    assert (answer.receipt.log, answer.receipt.index) == ("sx.example/log/1", 1)


def test_the_exchange_behind_an_answer_has_its_own_verified_receipt(
    client: Client, answering: Answering
) -> None:
    answering(lambda _: {"status": "alive"})
    exchange = ask(client).exchange
    assert exchange.receipt.index == 0
    assert exchange.state().state == "answered"


def test_a_rejection_is_raised_with_its_code_and_words(
    client: Client, answering: Answering
) -> None:
    answering(lambda _: Reject("no-data", "No such person."))
    with pytest.raises(Rejected) as caught:
        ask(client)
    assert (caught.value.code, caught.value.text) == ("no-data", "No such person.")
    assert caught.value.exchange is not None
    assert caught.value.exchange.receipt.index == 0


def test_a_refusal_is_raised_with_code_detail_and_remedy(
    client: Client, bus: FakeBus, registry: FakeSystem
) -> None:
    bus.refuse["person-status"] = {"status": 403, "code": "not-allowed"}
    with pytest.raises(Refused) as caught:
        ask(client)
    refused = caught.value
    assert (refused.code, refused.retryable, refused.status) == ("not-allowed", False, 403)
    assert refused.remedy == "Do the right thing."
    assert len(posted(bus)) == 1


def test_an_answer_that_does_not_come_leaves_an_exchange_to_ask_again(
    client: Client, bus: FakeBus, provider: Provider
) -> None:
    with pytest.raises(AnswerPending) as caught:
        ask(client, timeout_s=3)
    provider.service("person-status")(lambda _: {"status": "late"})
    provider.serve_once()
    assert caught.value.exchange is not None
    with pytest.raises(AnswerPending):
        caught.value.exchange.answer()


def test_a_question_expires_when_nobody_waits_for_it_any_more(
    client: Client, bus: FakeBus, registry: FakeSystem
) -> None:
    began_ms = bus.clock.ms
    with pytest.raises(AnswerPending):
        ask(client, timeout_s=3)
    (kept,) = bus.kept.values()
    assert kept.message.envelope.manifest.expires_ms == began_ms + 3000


def test_a_pending_answer_says_whether_its_question_is_over(
    client: Client, registry: FakeSystem
) -> None:
    with pytest.raises(AnswerPending, match="ended with the waiting") as asked:
        ask(client, timeout_s=3)
    with pytest.raises(AnswerPending) as sent:
        client.send(REGISTRY, "person-status", {"person_code": "1"}).answer()
    assert (asked.value.over, sent.value.over) == (True, False)


def test_sends_the_same_bytes_again_while_the_bus_is_away(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    answering(lambda _: {"status": "alive"})
    bus.down = [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 503]
    assert ask(client).json == {"status": "alive"}
    frames = posted(bus)[:4]
    assert len(set(frames)) == 1
    assert len(bus.kept) == 2


def test_a_key_is_asked_for_again_when_the_connection_breaks(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    def break_next() -> None:
        serve()
        bus.down = [httpx.ReadError("reset"), httpx.ConnectError("refused")]

    answering(lambda _: {"status": "alive"})
    assert bus.answer_later is not None
    serve, bus.answer_later = bus.answer_later, break_next
    assert ask(client).json == {"status": "alive"}
    assert bus.down == []


def test_gives_up_when_its_time_is_over(client: Client, bus: FakeBus) -> None:
    bus.down = [httpx.ConnectError("refused")] * 100
    with pytest.raises(BusUnavailable) as caught:
        ask(client, timeout_s=5)
    assert not caught.value.maybe_sent
    assert 1 < len(bus.calls) < 20


def test_tells_when_the_bus_may_have_the_message(client: Client, bus: FakeBus) -> None:
    bus.down = [httpx.ReadTimeout("slow")] * 100
    with pytest.raises(BusUnavailable) as caught:
        ask(client, timeout_s=1)
    assert caught.value.maybe_sent


def test_a_refusal_that_may_be_repeated_is_raised_when_the_time_is_over(
    client: Client, bus: FakeBus
) -> None:
    bus.down = [503] * 100
    with pytest.raises(Refused) as caught:
        ask(client, timeout_s=2)
    assert (caught.value.code, caught.value.retryable) == ("not-ready", True)


def test_what_stands_in_for_the_bus_is_not_taken_for_it(client: Client, bus: FakeBus) -> None:
    def proxy(request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text="<html>bad gateway</html>")

    client._connection._http = httpx.Client(
        base_url="http://bus.test", transport=httpx.MockTransport(proxy)
    )
    with pytest.raises(BusUnavailable):
        ask(client, timeout_s=1)


def test_waits_longer_than_the_bus_does_at_once(
    client: Client, bus: FakeBus, answering: Answering, provider: Provider
) -> None:
    provider.service("person-status")(lambda _: {"status": "alive"})
    looks = iter([False, True])
    bus.answer_later = lambda: (next(looks) and provider.serve_once(), None)[1]
    assert ask(client, timeout_s=70).json == {"status": "alive"}
    assert len(bus.kept) == 2


def test_a_name_outside_its_grammar_never_reaches_the_bus(client: Client, bus: FakeBus) -> None:
    with pytest.raises(IdentifierInvalid):
        client.ask("sx/GOV/../civil-registry", "person-status", {})
    assert bus.calls == []


def test_bytes_are_sent_as_they_are(client: Client, bus: FakeBus, answering: Answering) -> None:
    answering(lambda request: request)
    said = b'{ "person_code" :\t"1" }'
    assert client.ask(REGISTRY, "person-status", said).body == said
    _, parts = parse_frame(posted(bus)[0])
    assert parts.data == (said,)


def test_sends_and_collects_later(client: Client, bus: FakeBus, provider: Provider) -> None:
    exchange = client.send(REGISTRY, "person-status", {"person_code": "1"})
    assert exchange.receipt.index == 0
    assert exchange.state().is_open
    with pytest.raises(AnswerPending):
        exchange.answer()
    provider.service("person-status")(lambda _: {"status": "alive"})
    provider.serve_once()
    assert exchange.answer().json == {"status": "alive"}


def test_collects_by_the_id_alone_in_another_process(
    client: Client, bus: FakeBus, answering: Answering
) -> None:
    sent = client.send(REGISTRY, "person-status", {"person_code": "1"})
    answering(lambda _: {"status": "alive"})
    again = client.exchange(sent.id)
    assert again.answer(wait_s=10).json == {"status": "alive"}
    assert again.receipt == sent.receipt


def test_somebody_elses_exchange_is_not_found(
    client: Client, bus: FakeBus, registry: FakeSystem
) -> None:
    with pytest.raises(Refused) as caught:
        client.exchange("01a201fb-aa7b-7cc0-98c4-dc0c0c07398f").answer()
    assert caught.value.code == "not-found"


def test_keys_are_asked_for_once(client: Client, bus: FakeBus, answering: Answering) -> None:
    answering(lambda _: {"status": "alive"})
    for _ in range(3):
        ask(client)
    asked = [call.url.path for call in bus.calls if "/certificates/" in call.url.path]
    assert len(asked) == 2
    assert len(set(asked)) == 2


def test_what_was_refused_is_proven_to_be_logged(client: Client, bus: FakeBus) -> None:
    bus.refuse["person-status"] = {"status": 422, "code": "purpose-required"}
    with pytest.raises(Refused):
        client.send(REGISTRY, "person-status", {})
    envelope = bus.refusals[0][0]
    (refusal,) = client.refusals(envelope.manifest.id)
    assert (refusal.code, refusal.envelope) == ("purpose-required", envelope.raw)
    assert (refusal.receipt.log, refusal.receipt.index) == ("sx.example/log/1", 0)
    with pytest.raises(Refused, match="not-found"):
        client.refusals("01a201fb-aa7b-7cc0-98c4-dc0c0c07398f")


@pytest.mark.parametrize("lie", ["other bytes", "no refusal", "other message"])
def test_a_refusal_that_does_not_hold_is_withheld(client: Client, bus: FakeBus, lie: str) -> None:
    taken = client.send(REGISTRY, "person-status", {})
    bus.refuse["person-status"] = {"status": 422, "code": "purpose-required"}
    for _ in range(2):
        with pytest.raises(Refused):
            client.send(REGISTRY, "person-status", {})
    first, second = (one[0] for one in bus.refusals)
    asked = second.manifest.id
    if lie == "other bytes":
        bus.tamper = lambda what, value: first.raw.decode() if what == "envelope" else value
    elif lie == "no refusal":
        kept = bus.kept[taken.id]
        raw = kept.message.envelope.raw.decode()
        text = bus.shard.receipt(kept.index, kept.salt)
        swap = {"envelope": raw, "receipt": text}
        bus.tamper = lambda what, value: swap.get(what, value)
    else:
        bus.refusals[1] = (second, *bus.refusals[0][1:])
        bus.tamper = lambda what, value: first.raw.decode() if what == "envelope" else value
    with pytest.raises(ProofFailed):
        client.refusals(asked)


def test_an_exchange_is_cancelled_once(client: Client, bus: FakeBus) -> None:
    exchange = client.send(REGISTRY, "person-status", {}, purpose="child-benefit")
    assert exchange.cancel() == "cancelled"
    cancel = list(bus.kept.values())[-1].message.envelope.manifest
    assert (cancel.kind, cancel.sender, cancel.to) == ("cancel", "sx/GOV/1001/benefits", REGISTRY)
    assert cancel.about is not None
    assert (cancel.about.id, cancel.parts) == (exchange.id, ())
    assert client.exchange(exchange.id).cancel() == "cancelled"
    assert exchange.state().state == "cancelled"


def test_what_is_answered_is_not_cancelled(client: Client, answering: Answering) -> None:
    answering(lambda _: {"status": "alive"})
    answer = client.ask(REGISTRY, "person-status", {}, purpose="child-benefit")
    with pytest.raises(Refused, match="already-answered"):
        answer.exchange.cancel()


def test_a_cancel_without_its_proof_is_no_cancel(client: Client, bus: FakeBus) -> None:
    exchange = client.send(REGISTRY, "person-status", {}, purpose="child-benefit")
    others = exchange.receipt.text
    bus.tamper = lambda what, value: others if what == "receipt" else value
    with pytest.raises(ProofFailed):
        exchange.cancel()

"""Sending: once, again, and with an id that is taken."""

from exchange.operation.key_files import load_log_signer
from signing.envelope import verify_envelope
from signing.receipts import verify_message_receipt
from tests.support.bus import RunningBus


async def test_an_accepted_message_has_a_receipt_that_verifies(running: RunningBus) -> None:
    request = running.ask()
    accepted = await running.send(request)
    text = await running.bus.api.receipts.receipt(accepted.place)
    verifier = load_log_signer(running.folder / "keys", "sx.example", "1").verifier
    envelope = verify_envelope(request.envelope, running.bus.api.directory.current)
    proof = verify_message_receipt(text, envelope, verifier)
    assert (proof.index, proof.leaf.k) == (accepted.place.index, "request")


async def test_the_adapters_answer_ends_the_exchange(running: RunningBus) -> None:
    request = running.ask()
    assert await running.outcome(request) == "accepted"
    assert await running.until(request, "answered") == "answered"
    assert [one.id for one in running.adapter.asked] == [request.manifest.id]

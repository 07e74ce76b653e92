"""A witness polls a bus as it runs: its checkpoints, its tiles, its growth."""

import asyncio
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from sealway.witness.core import Witness
from sealway.witness.fetching import PublishedLog
from sealway.witness.polling import Outcome, Round, poll_once
from sealway.witness.state import WitnessState
from signing.log.cosignature import Cosigner, verify_cosignature
from signing.log.note import parse_verifier_key
from tests.support.http import Edge


class FromAThread(httpx.BaseTransport):
    """Calls the bus, which runs in the test's own loop, from another thread."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        call = self._edge.get(request.url.path)
        reply = asyncio.run_coroutine_threadsafe(call, self._loop).result(10)
        return httpx.Response(reply.status_code, stream=httpx.ByteStream(reply.content))


@pytest.mark.parametrize("n", [0, 1])
async def test_a_witness_cosigns_the_bus_as_it_grows(edge: Edge, tmp_path: Path, n: int) -> None:
    about = (await edge.get("/.well-known/sealway")).json()
    (told,) = [one for one in about["logs"] if one["n"] == n]
    key = parse_verifier_key(told["key"])
    cosigner = Cosigner("witness.example/w1", ed25519.Ed25519PrivateKey.generate())
    state = WitnessState(tmp_path, cosigner.verifier)
    witness = Witness(cosigner, {key.name: key}, state, lambda: 1_800_000_000)
    transport = FromAThread(edge)

    async def poll() -> Round:
        published = PublishedLog(told["url"], transport)
        return await asyncio.to_thread(poll_once, witness, key, published)

    sizes = []
    for messages in (1, 0, 3, 140):
        for _ in range(messages):
            await edge.send(edge.running.ask(), prefer="wait=5")
        found = await poll()
        assert (found.outcome, found.text) == (Outcome.COSIGNED, "")
        assert found.cosigned is not None
        assert verify_cosignature(found.cosigned.note, cosigner.verifier) == 1_800_000_000
        sizes.append(found.cosigned.checkpoint.size)
    assert sizes == sorted(sizes)
    assert n == 0 or sizes[-1] > 256
    state.close()

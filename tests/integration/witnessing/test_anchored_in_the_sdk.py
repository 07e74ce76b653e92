"""What an application gets when it asks for an anchored receipt with anchors of its own."""

from pathlib import Path

import httpx
import pytest

from exchange.api.app import create_app
from sealway.async_client import AsyncClient
from sealway.errors import ProofFailed, Refused
from sealway.profile import Profile
from signing.certificates import der_to_pem
from signing.keys import private_key_pem
from tests.integration.witnessing.conftest import AskedBus
from tests.support.agencies import BENEFITS
from tests.support.time_stamps import Authority


def _profile(asked: AskedBus, folder: Path) -> Profile:
    keys, api = asked.running.keys[BENEFITS], asked.running.bus.api
    (folder / "key.pem").write_bytes(private_key_pem(keys.key))
    (folder / "key.pem").chmod(0o600)
    (folder / "key.crt").write_bytes(der_to_pem(keys.der))
    return Profile(
        "benefits",
        api.public_url,
        api.bus,
        api.instance,
        api.directory_log.writer.verifier_key,
        BENEFITS,
        folder / "key.pem",
        folder / "key.crt",
    )


async def test_it_is_verified_before_it_is_returned(asked: AskedBus, tmp_path: Path) -> None:
    api = asked.running.bus.api
    request = asked.running.ask()
    await asked.running.send(request)
    policy = api.witnessing.rules.policy_text([api.directory_log.writer.verifier_key]).encode()
    roots = asked.authorities[0].root_pem
    transport = httpx.ASGITransport(create_app(api))
    async with AsyncClient(_profile(asked, tmp_path), transport=transport) as client:
        exchange = client.exchange(request.manifest.id)
        with pytest.raises(Refused) as early:
            await exchange.anchored(policy, roots)
        assert early.value.code == "anchor-not-yet"
        await api.witnessing.anchor_now(asked.heads)
        found = await exchange.anchored(policy, roots)
        receipt = await exchange.receipt()
        assert (found.log, found.index) == (receipt.log, receipt.index)
        assert set(found.cosigned_s) == {"w1", "w2", "w3", "own"}
        assert found.stamped_ms is not None
        assert (await exchange.anchored(policy)).stamped_ms is None
        for anchors in ((policy, Authority().root_pem), (b"quorum none\n", b""), (b"", roots)):
            with pytest.raises(ProofFailed):
                await exchange.anchored(*anchors)

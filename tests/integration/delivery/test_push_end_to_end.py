"""A bus and the SDK's push provider, whole: over a socket one way, over HTTP the other."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealway import PushProvider, Reject, Request
from sealway.profile import Profile
from sealway.push import LATER
from sealway.push_server import make_server
from signing.certificates import der_to_pem
from signing.keys import private_key_pem
from signing.message import DELIVERY_TYPE, FRAME_TYPE, encode_delivery
from tests.support.agencies import BUS, CIVIL, PERSON_STATUS, service
from tests.support.bus import RunningBus, opened
from tests.support.http import edge_of


class Across(httpx.BaseTransport):
    """A thread's way to the application that a loop in another runs."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.http: httpx.AsyncClient | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert self.http is not None
        call = self.http.request(
            request.method, str(request.url), headers=request.headers, content=request.read()
        )
        reply = asyncio.run_coroutine_threadsafe(call, self.loop).result(10)
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


def profile_of(bus: RunningBus, folder: Path, log_key: str) -> Profile:
    """The civil registry's files, as an agency holds them."""
    mine = bus.keys[CIVIL]
    (folder / "key.pem").write_bytes(private_key_pem(mine.key))
    (folder / "crt.pem").write_bytes(der_to_pem(mine.der))
    url = bus.settings.public_url
    return Profile("civil", url, BUS, "sx", log_key, CIVIL, folder / "key.pem", folder / "crt.pem")


class Agency:
    """A push provider that listens."""

    def __init__(self, bus: RunningBus, provider: PushProvider, url: str) -> None:
        self.bus, self.provider, self.url = bus, provider, url


@asynccontextmanager
async def agency(stopped: RunningBus, folder: Path, handler: Any) -> AsyncIterator[Agency]:
    """The bus, and a provider with one handler behind a socket."""
    across, late = Across(), {}
    with make_server(lambda h, b: late["provider"].handle(h, b), "127.0.0.1", 0) as server:
        port = server.server_address[1]
        file = stopped.folder / "sealway.toml"
        text = file.read_text().replace("hosts = []", f'hosts = ["127.0.0.1:{port}"]')
        url = f"http://127.0.0.1:{port}/"
        file.write_text(f'{text}\n[push.civil]\nsystem = "{CIVIL}"\nurl = "{url}"\n')
        async with opened(stopped) as bus:
            await bus.change(
                service(PERSON_STATUS, delivery={"kind": "push", "name": "civil"}, timeout_s=10)
            )
            across.http = edge_of(bus).http
            log_key = (await bus.bus.api.tell_logs())[0].key
            assert log_key is not None
            with PushProvider(profile_of(bus, folder, log_key), transport=across) as provider:
                late["provider"] = provider
                provider.service(PERSON_STATUS)(handler)
                thread = threading.Thread(target=server.serve_forever, args=(0.02,))
                thread.start()
                try:
                    yield Agency(bus, provider, url)
                finally:
                    server.shutdown()
                    thread.join()


async def post(url: str, body: bytes, kind: str) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.post(url, content=body, headers={"content-type": kind})).status_code


async def test_a_copied_envelope_posted_straight_to_the_endpoint_is_refused(
    stopped: RunningBus, tmp_path: Path
) -> None:
    seen: list[Request] = []

    def handler(request: Request) -> dict[str, str]:
        seen.append(request)
        return {"status": "alive"}

    async with agency(stopped, tmp_path, handler) as there:
        bus, request, held_back = there.bus, there.bus.ask(), there.bus.ask()
        await bus.send(request)
        assert await bus.until(request, "answered") == "answered"
        message = await bus.bus.api.opened.message(
            bytes.fromhex(request.manifest.id.replace("-", ""))
        )
        assert message is not None
        receipt = await bus.bus.api.receipts.receipt(message.place)
        assert await post(there.url, request.frame, FRAME_TYPE) == 415
        assert await post(there.url, request.frame, DELIVERY_TYPE) == 403
        unsent = encode_delivery(receipt, held_back.frame)
        assert await post(there.url, unsent, DELIVERY_TYPE) == 403, "the bus never took it"
        copied = encode_delivery(receipt, request.frame)
        assert await post(there.url, copied, DELIVERY_TYPE) == 202, "taken before: nothing is said"
        assert [one.id for one in seen] == [request.manifest.id]


@pytest.mark.parametrize("said", [{"status": "alive"}, Reject("no-data")], ids=["yes", "no"])
async def test_an_answer_that_comes_later_ends_the_exchange(
    stopped: RunningBus, tmp_path: Path, said: Any
) -> None:
    seen: list[Request] = []
    async with agency(stopped, tmp_path, lambda one: seen.append(one) or LATER) as there:
        request = there.bus.ask()
        await there.bus.send(request)
        assert await there.bus.until(request, "done") == "done"
        await asyncio.to_thread(there.provider.send, seen[0], said)
        state = "rejected" if isinstance(said, Reject) else "answered"
        assert await there.bus.until(request, state) == state

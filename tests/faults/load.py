"""The benefits agency under load: sends, and sends the same bytes again until it has an outcome.

Every message, every try and every reply is in its journal, so that what was in flight at a moment
can be told afterwards. Told to stop, it finishes what it began.
"""

import asyncio
import base64
import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Final

import aiohttp

from sealway.profile import load_profile
from signing.certificates import parse_certificate, pem_to_der
from signing.compose import Composed, PartIn, compose
from signing.identifiers import Code, ServiceCode, SystemId, new_message_id
from signing.keys import LocalSigner, load_private_key
from signing.manifest import Manifest
from signing.message import DELIVERY_TYPE, FRAME_TYPE
from tests.faults.journal import Journal
from tests.faults.site import PEOPLE, SERVICES, Site
from tests.support.agencies import BENEFITS, BUS, CIVIL, POPULATION, PURPOSE, STATISTICS

WORKERS: Final = 24
RATE_PER_S: Final = 65.0
WAITING_SHARE: Final = 0.4
"""Of the messages, how many are sent with ``Prefer: wait``; a second try asks for the receipt."""
AGAIN_S: Final = (0.1, 0.3)
RETRYABLE: Final = frozenset({429, 503, 500})


class Sender:
    """The load's state: one key, one journal, one pace."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.chance = random.Random(seed)
        self.journal = Journal(site.journal("load"))
        profile = load_profile("benefits")
        certificate = parse_certificate(pem_to_der(profile.read_certificate()))
        self.signer = LocalSigner(load_private_key(profile.read_key()), certificate.x5t)
        self.stopping = asyncio.Event()
        self._due = 0.0

    async def run(self) -> None:
        """Send until told to stop."""
        timeout = aiohttp.ClientTimeout(total=40)
        connector = aiohttp.TCPConnector(limit=WORKERS)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            await asyncio.gather(*(self._work(http) for _ in range(WORKERS)))
        self.journal.write("finished")

    async def _work(self, http: aiohttp.ClientSession) -> None:
        while not self.stopping.is_set():
            await self._pace()
            await self._send_until_done(http)

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        self._due = max(self._due + 1 / RATE_PER_S, now)
        await asyncio.sleep(self._due - now)

    def _compose(self, service: str) -> Composed:
        now_ms = time.time_ns() // 1_000_000
        draft = Manifest(
            bus=BUS,
            id=new_message_id(now_ms),
            kind="request",
            sender=BENEFITS,
            to=SystemId(STATISTICS if service == POPULATION else CIVIL),
            service=ServiceCode(service),
            created_ms=now_ms,
            parts=(),
            purpose=Code(PURPOSE),
        )
        body = f'{{"person_code":"{self.chance.randrange(PEOPLE)}"}}'.encode()
        return compose(draft, [PartIn(body)], self.signer)

    async def _send_until_done(self, http: aiohttp.ClientSession) -> None:
        service = self.chance.choice(SERVICES)
        composed = self._compose(service)
        id_, waits = composed.manifest.id, self.chance.random() < WAITING_SHARE
        frame = base64.b64encode(composed.frame).decode()
        self.journal.write("made", id=id_, service=service, waits=waits, frame=frame)
        is_done = await self._try(http, id_, composed.frame, waits)
        while not is_done:
            await asyncio.sleep(self.chance.uniform(*AGAIN_S))
            is_done = await self._try(http, id_, composed.frame, waits=False)

    async def _try(self, http: aiohttp.ClientSession, id_: str, frame: bytes, waits: bool) -> bool:
        headers = {"Content-Type": FRAME_TYPE}
        if waits:
            headers |= {"Prefer": "wait=3", "Accept": DELIVERY_TYPE}
        self.journal.write("sent", id=id_)
        try:
            async with http.post(
                f"{self.site.url}/v1/messages", data=frame, headers=headers
            ) as reply:
                data = await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.journal.write("broken", id=id_, error=type(error).__name__)
            return False
        return self._took(id_, reply, data)

    def _took(self, id_: str, reply: aiohttp.ClientResponse, data: bytes) -> bool:
        status = reply.status
        if status == 202:
            self.journal.write("receipt", id=id_, receipt=json.loads(data)["receipt"])
            return True
        if reply.content_type == DELIVERY_TYPE and status in (200, 422):
            self.journal.write("answer", id=id_, delivery=base64.b64encode(data).decode())
            return True
        if status in RETRYABLE:
            self.journal.write("again", id=id_, status=status)
            return False
        self.journal.write("refused", id=id_, status=status, body=data.decode("utf-8", "replace"))
        return True


async def send(folder: str, seed: str) -> None:
    """Send until SIGTERM."""
    sender = Sender(Site.load(Path(folder)), int(seed))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, sender.stopping.set)
    await sender.run()


if __name__ == "__main__":
    asyncio.run(send(*sys.argv[1:]))

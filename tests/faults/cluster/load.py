"""A consumer under load: ``load.py FOLDER SYSTEM GATEWAY SEED``, until SIGTERM.

Sends signed questions through its gateway and, when that one doesn't take them, the same bytes
through the other. What is made, each try and each reply is in its journal. Now and then it gives
up a message whose fate it doesn't know: then nobody will ever send it again. Told to stop, it
finishes what it began.
"""

import asyncio
import base64
import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import aiohttp

from exchange.operation.key_files import load_signer
from signing.compose import Composed, PartIn, compose
from signing.identifiers import Code, ServiceCode, SystemId, new_message_id
from signing.manifest import Manifest
from signing.message import DELIVERY_TYPE, FRAME_TYPE
from tests.faults.cluster.network import BY_CODE, DISTURBING, OFFERS, consumers_of
from tests.faults.cluster.site import GATEWAYS, NAMES, ClusterSite
from tests.faults.journal import Journal
from tests.support.agencies import BUS, PURPOSE

WORKERS: Final = 12
RATE_PER_S: Final = 11.0
WAITING_SHARE: Final = 0.6
"""Of the messages, how many are sent with ``Prefer: wait``; a second try asks for the receipt."""
GIVE_UP_SHARE: Final = 0.04
"""Of the tries without a reply, how many are the last."""
AGAIN_S: Final = (0.1, 0.4)
TRY_S: Final = 12.0
RETRYABLE: Final = frozenset({408, 429, 500, 503})
DISTURBED: Final = "disturbed"
"""The file whose presence says that the calm beginning is over."""


class Signing:
    """One system's key, and the messages it signs."""

    def __init__(self, site: ClusterSite, system: str) -> None:
        self.system = SystemId(system)
        keys, name = site.bus / "keys", NAMES[self.system]
        self._signer, _ = load_signer(keys / f"{name}.pem", keys / f"{name}.crt")

    def compose(self, code: str, person: int) -> Composed:
        """A question, signed now."""
        now_ms = time.time_ns() // 1_000_000
        draft = Manifest(
            bus=BUS,
            id=new_message_id(now_ms),
            kind="request",
            sender=self.system,
            to=BY_CODE[code].system,
            service=ServiceCode(code),
            created_ms=now_ms,
            parts=(),
            purpose=Code(PURPOSE),
        )
        return compose(draft, [PartIn(f'{{"person_code":"{person}"}}'.encode())], self._signer)


def made(journal: Journal, composed: Composed, **more: Any) -> None:
    """Write down a message before it is sent for the first time."""
    manifest = composed.manifest
    frame = base64.b64encode(composed.frame).decode()
    sender, service = manifest.sender, manifest.service
    journal.write("made", id=manifest.id, service=service, sender=sender, frame=frame, **more)


def took(journal: Journal, id_: str, status: int, media_type: str, data: bytes) -> bool:
    """Write down a reply; whether it is an outcome."""
    if status == 202:
        journal.write("receipt", id=id_, receipt=json.loads(data)["receipt"])
    elif media_type == DELIVERY_TYPE and status in (200, 422):
        journal.write("answer", id=id_, delivery=base64.b64encode(data).decode())
    else:
        code, detail = _problem(data)
        if status in RETRYABLE or status >= 500:
            journal.write("again", id=id_, status=status, code=code, detail=detail)
            return False
        journal.write("refused", id=id_, status=status, code=code, detail=detail)
    return True


def _problem(data: bytes) -> tuple[str, str]:
    try:
        members = json.loads(data)
        return str(members.get("code")), str(members.get("detail"))[:200]
    except (ValueError, AttributeError):
        return "", data[:200].decode("utf-8", "replace")


class Sender:
    """The load's state: one key, one journal, one pace."""

    def __init__(self, site: ClusterSite, system: str, gateway: str, seed: int) -> None:
        self.site = site
        self.chance = random.Random(seed)
        self.signing = Signing(site, system)
        self.journal = Journal(site.journal(f"load-{NAMES[self.signing.system]}"))
        self.stopping = asyncio.Event()
        self._gateways = [gateway, *(one for one in GATEWAYS if one != gateway)]
        self._offers = [
            one for one in OFFERS if one.share and self.signing.system in consumers_of(one.code)
        ]
        self._due = 0.0

    async def run(self) -> None:
        """Send until told to stop."""
        timeout = aiohttp.ClientTimeout(total=TRY_S)
        connector = aiohttp.TCPConnector(limit=2 * WORKERS)
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

    def _choose(self) -> str:
        disturbed = (self.site.folder / DISTURBED).exists()
        offers = [one for one in self._offers if disturbed or one.code not in DISTURBING]
        return self.chance.choices(offers, [one.share for one in offers])[0].code

    async def _send_until_done(self, http: aiohttp.ClientSession) -> None:
        composed = self.signing.compose(self._choose(), self.chance.randrange(1_000))
        id_, waits = composed.manifest.id, self.chance.random() < WAITING_SHARE
        made(self.journal, composed, waits=waits)
        is_done = await self._try(http, id_, composed.frame, self._gateways[0], waits)
        tries = 1
        while not is_done:
            if self.chance.random() < GIVE_UP_SHARE:
                self.journal.write("given-up", id=id_)
                return
            await asyncio.sleep(self.chance.uniform(*AGAIN_S) * min(tries, 5))
            gateway = self._gateways[tries % len(self._gateways)]
            is_done = await self._try(http, id_, composed.frame, gateway, waits=False)
            tries += 1

    async def _try(
        self, http: aiohttp.ClientSession, id_: str, frame: bytes, gateway: str, waits: bool
    ) -> bool:
        headers = {"Content-Type": FRAME_TYPE}
        if waits:
            headers |= {"Prefer": "wait=5", "Accept": DELIVERY_TYPE}
        self.journal.write("sent", id=id_, by=gateway)
        url = f"{self.site.url(gateway)}/v1/messages"
        try:
            async with http.post(url, data=frame, headers=headers) as reply:
                data = await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.journal.write("broken", id=id_, error=type(error).__name__)
            return False
        return took(self.journal, id_, reply.status, reply.content_type, data)


async def send(folder: str, system: str, gateway: str, seed: str) -> None:
    """Send until SIGTERM."""
    sender = Sender(ClusterSite.load(Path(folder)), system, gateway, int(seed))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sender.stopping.set)
    await sender.run()


if __name__ == "__main__":
    asyncio.run(send(*sys.argv[1:]))

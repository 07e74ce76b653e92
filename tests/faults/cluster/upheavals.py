"""The faults that take an operator, a registrar or a flood: the rest of the faults.

What the checker must know of them (when a copy was made and put back, which grant was withdrawn
between which moments) goes into the journal of faults.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from pathlib import Path
from typing import Any, Final

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from tests.faults.cluster.faults import COMMON, KAFKA, POSTGRES, Fault, Stage
from tests.faults.cluster.load import Signing, made, took
from tests.faults.cluster.network import CENSUS, RESIDENCE, grant
from tests.faults.cluster.office import OFFICE
from tests.faults.cluster.running import Cluster, NotReady
from tests.faults.cluster.site import GATEWAYS, PROCESSES, pin_log_key, write_profiles
from tests.faults.journal import Journal
from tests.support.agencies import BENEFITS, TERRITORIES

FLOOD: Final = "load-flood"
FLOOD_MAX: Final = 400
CLOCK_S: Final = (-8, 8)
AGAIN_S: Final = 0.3
WITHIN_S: Final = 60.0
REASON: Final = "the run put back an older copy of the database"
FRAME: Final = {"Content-Type": "application/vnd.sealway.message"}


async def restore_copy(stage: Stage, _: str) -> str:
    """Put back the database of some seconds ago; the operator then goes on from it in the open."""
    cluster = stage.cluster
    server = cluster.postgres
    assert server is not None
    await asyncio.to_thread(server.kill)
    copied_at = time.monotonic()
    await asyncio.to_thread(server.keep)
    await asyncio.to_thread(server.start)
    await cluster.wait_ready(*GATEWAYS)
    await _grown(cluster)
    await stage.wait(0.5, 2.0)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.put_back)
    restored_at = time.monotonic()
    await asyncio.to_thread(server.start)
    await stage.wait(0.5, 3.0)
    cluster.kill(OFFICE)  # asked to end, it would first try to hand over its last answer
    await asyncio.gather(*(cluster.stop(name) for name in PROCESSES))
    told = json.loads(await cluster.migrate("--after-restore", "--reason", REASON, "--json"))
    key = next(str(one["facts"]["log_key"]) for one in told["steps"] if "log_key" in one["facts"])
    pin_log_key(cluster.site, key)
    write_profiles(cluster.site)
    for name in PROCESSES:
        cluster.start_bus(name)
    await cluster.wait_ready(*PROCESSES)
    cluster.start_provider(OFFICE, stage.chance.randrange(1 << 16))
    stage.journal.write("restored", copied_at=copied_at, restored_at=restored_at)
    return f"{restored_at - copied_at:.1f} s lost; {key.partition('+')[0]} goes on"


async def _grown(cluster: Cluster) -> None:
    """Wait until log 0 has signed more than the copy holds: else nothing would be behind."""
    before, until = await _size_of_log_0(cluster), time.monotonic() + WITHIN_S
    while await _size_of_log_0(cluster) <= before:
        if time.monotonic() > until:
            raise NotReady("log 0 doesn't grow")
        await asyncio.sleep(0.2)


async def _size_of_log_0(cluster: Cluster) -> int:
    """As the last of its logs says at either gateway; -1 when nobody says."""
    origin = cluster.site.log_keys()[-1].partition("+")[0]
    sizes = [-1]
    async with httpx.AsyncClient(timeout=3.0, trust_env=False) as http:
        for gateway in GATEWAYS:
            url = f"{cluster.site.url(gateway)}/log/{origin.rpartition('/')[2]}/checkpoint"
            try:
                reply = await http.get(url)
            except httpx.HTTPError:
                continue
            if reply.status_code == 200:
                sizes.append(int(reply.text.splitlines()[1]))
    return max(sizes)


async def delete_topics(stage: Stage, _: str) -> str:
    """Delete all topics under load; `migrate` makes them again."""
    cluster = stage.cluster
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.site.bootstrap)
    await admin.start()
    try:
        names = [one for one in await admin.list_topics() if one.startswith("sealway.")]
        await admin.delete_topics(names)
    finally:
        await admin.close()
    without = await stage.wait(0.5, 3.0)
    until = time.monotonic() + WITHIN_S
    while True:
        try:
            await cluster.migrate()
            break
        except NotReady:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(1.0)
    return f"{len(names)} topics, {without:.1f} s without"


async def shift_clock(stage: Stage, name: str) -> str:
    """A gateway's clock goes wrong by eight seconds, and right again."""
    cluster, seconds = stage.cluster, stage.chance.choice(CLOCK_S)
    library = fake_time()
    assert library is not None
    more = {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    await cluster.stop(name)
    cluster.start_bus(name, more)
    await cluster.wait_ready(name)
    lasting = await stage.wait(2.0, 4.0)
    await cluster.stop(name)
    cluster.start_bus(name)
    await cluster.wait_ready(name)
    return f"{seconds:+d} s for {lasting:.1f} s"


def fake_time() -> Path | None:
    """libfaketime, where it is installed (Debian: apt-get install faketime)."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


async def withdraw_grant(stage: Stage, name: str) -> str:
    """Withdraw a grant by one gateway while the other can't be woken; give it again later."""
    cluster = stage.cluster
    key = await _current_grant(cluster)
    for carrier in cluster.carriers.values():
        carrier.hold()
    try:
        withdrawn = {"noun": "grant", "key": key, "object": {"id": key, "state": "withdrawn"}}
        version = await _change(stage, name, "withdrawn", withdrawn)
        lasting = await stage.wait(1.0, 3.0)
    finally:
        for carrier in cluster.carriers.values():
            carrier.pass_on()
    new = {**grant(RESIDENCE, TERRITORIES), "id": f"residence-{time.time_ns()}"}
    await _change(stage, name, "granted", {"noun": "grant", "object": new})
    return f"version {version}, {lasting:.1f} s"


async def _current_grant(cluster: Cluster) -> str:
    """The grant in force, as the bus tells it."""

    async def ask() -> httpx.Response:
        return await cluster.founder("GET", "/v1/grants?limit=200")

    reply = await _until_ok(ask)
    return next(
        str(one["id"])
        for one in reversed(reply.json()["items"])
        if one["service"] == RESIDENCE and one["state"] == "active"
    )


async def _change(stage: Stage, gateway: str, event: str, change: dict[str, Any]) -> int:
    """Make a change of the directory, again until it is in force; its version."""
    data, began = json.dumps({"changes": [change]}).encode(), time.monotonic()

    async def ask() -> httpx.Response:
        return await stage.cluster.founder("POST", "/v1/changes", data, gateway)

    told = (await _until_ok(ask)).json()
    version = told["version"] if told["changed"] == 1 else 0
    stage.journal.write(event, began=began, version=version, service=RESIDENCE)
    return int(told["version"])


async def _until_ok(ask: Any) -> httpx.Response:
    until = time.monotonic() + WITHIN_S
    while True:
        try:
            reply: httpx.Response = await ask()
            said = f"{reply.status_code} {reply.text[:300]}"
            if reply.status_code == 200:
                return reply
        except httpx.HTTPError as error:
            said = type(error).__name__
        if time.monotonic() > until:
            raise NotReady(f"no change of the directory gets through: {said}")
        await asyncio.sleep(AGAIN_S)


async def fill_mailbox(stage: Stage, _: str) -> str:
    """Nobody collects while somebody sends, until the mailbox says that it is full."""
    cluster = stage.cluster
    journal = Journal(cluster.site.journal(FLOOD))
    signing, gateways = Signing(cluster.site, BENEFITS), itertools.cycle(GATEWAYS)
    cluster.pause(OFFICE)
    try:
        async with httpx.AsyncClient(timeout=15.0, trust_env=False) as http:
            for count in range(FLOOD_MAX):
                full = await _send_one(cluster, http, journal, signing, next(gateways))
                if full:
                    return f"full after {count} more"
    finally:
        cluster.resume(OFFICE)
    raise NotReady(f"a mailbox took {FLOOD_MAX} messages and was not full")


async def _send_one(
    cluster: Cluster, http: httpx.AsyncClient, journal: Journal, signing: Signing, gateway: str
) -> str:
    """Send one message and forget it; what the bus says when the mailbox is full."""
    composed = signing.compose(CENSUS, 1)
    id_ = composed.manifest.id
    made(journal, composed, waits=False)
    journal.write("sent", id=id_, by=gateway)
    url = f"{cluster.site.url(gateway)}/v1/messages"
    full = ""
    try:
        reply = await http.post(url, content=composed.frame, headers=FRAME)
    except httpx.HTTPError as error:
        journal.write("broken", id=id_, error=type(error).__name__)
        await asyncio.sleep(AGAIN_S)
    else:
        media_type = reply.headers.get("content-type", "").partition(";")[0]
        if took(journal, id_, reply.status_code, media_type, reply.content):
            return ""
        problem = reply.json()
        full = problem["detail"] if problem["code"] == "quota-exceeded" else ""
    journal.write("given-up", id=id_)
    return full


UPHEAVALS: Final = (
    Fault("restore copy", 1, restore_copy, ("postgres",), POSTGRES, alone=True),
    Fault("delete topics", 1, delete_topics, ("kafka",), KAFKA, alone=True),
    Fault("shift clock", 2, shift_clock, GATEWAYS, frozenset({"faketime"})),
    Fault("withdraw grant", 2, withdraw_grant, GATEWAYS, alone=True),
    Fault("fill mailbox", 1, fill_mailbox, (OFFICE,)),
)
FAULTS: Final = (*COMMON, *UPHEAVALS)

"""Asking the running bus about every message, over its public API: ``asking.py FOLDER [SECONDS]``.

A process of its own. Waits until nothing is under way; then each message's state is known, and of
a sample (all whose sending met trouble come first) the message and its answer are fetched and
verified as members do it. What was found is written to ``found.pickle``.
"""

import pickle
import random
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import local
from typing import Final

from sealway import Client
from sealway.client import Exchange
from sealway.errors import BusUnavailable, Refused, SdkError
from sealway.profile import load_profile
from signing.errors import SealwayError
from signing.identifiers import MessageId, SystemId
from signing.log.merkle import leaf_hash
from signing.message import parse_frame
from signing.receipts import VerifiedReceipt
from tests.faults.cluster.evidence import loads, read_sent
from tests.faults.cluster.histories import Found, Proof
from tests.faults.cluster.site import GATEWAYS, NAMES, ClusterSite

SETTLE_S: Final = 120.0
"""How long the last questions may take to be answered or to expire once all faults are over."""
SAMPLE: Final = 240
THREADS: Final = 4
AGAIN_S: Final = 0.5
UNSIGNED: Final = "log-unavailable"
UNDER_WAY: Final = Found(state="open")


class Asking:
    """One client for each sender and thread."""

    def __init__(self, site: ClusterSite) -> None:
        self._site = site
        self._local = local()
        self._sender = {id_: made.sender for id_, made in loads(site).made.items()}
        self._frames = {id_: made.frame for id_, made in loads(site).made.items()}

    def client(self, id_: str) -> Client:
        """A client of the message's sender, this thread's alone."""
        clients: dict[str, Client] = self._local.__dict__.setdefault("clients", {})
        sender = self._sender[id_]
        if sender not in clients:
            gateway = GATEWAYS[len(clients) % len(GATEWAYS)]
            clients[sender] = Client(load_profile(f"{NAMES[SystemId(sender)]}-{gateway}"))
        return clients[sender]

    def state(self, id_: str) -> Found:
        """How a message stands now."""
        try:
            told = self.client(id_).exchange(id_).state()
        except Refused as no:
            if no.code == "not-found":
                return Found(is_there=False)
            return Found(trouble=f"{no.code}: {no}")
        except BusUnavailable:
            return UNDER_WAY
        except (SdkError, SealwayError) as error:
            return Found(trouble=str(error))
        return Found(state=told.state, stuck=told.stuck)

    def whole(self, id_: str, found: Found) -> Found:
        """The same with the message and its answer, fetched and verified."""
        client = self.client(id_)
        try:
            steps = client._talk.recall(MessageId(id_))
            message, receipt = client._connection.run(steps)
            same = (message.envelope.raw, message.parts) == parse_frame(self._frames[id_])
            answer = None
            if found.state == "answered":
                given = Exchange(client, id_, message, receipt).answer()
                answer = taken(given.id, given.message.receipt)
            return Found(True, found.state, found.stuck, same, taken(id_, receipt), answer)
        except Refused as no:
            if no.code == UNSIGNED:
                return replace(found, is_unproven=True)
            return Found(trouble=f"{no.code}: {no}")
        except (SdkError, SealwayError) as error:
            return Found(trouble=f"{getattr(error, 'code', '')}: {error}")


def taken(id_: str, receipt: VerifiedReceipt, at: float | None = None) -> Proof:
    """A receipt that holds, as proof; had now unless told when."""
    checkpoint, leaf = receipt.checkpoint, receipt.leaf
    return Proof(
        id=id_,
        at=time.monotonic() if at is None else at,
        origin=receipt.log,
        index=receipt.index,
        leaf_hash=leaf_hash(leaf.raw),
        reg=leaf.reg,
        size=checkpoint.size,
        root=checkpoint.root,
    )


def settle(asking: Asking, ids: Iterable[str], settle_s: float) -> dict[str, Found]:
    """Ask until nothing is under way; what still is at last counts as never ended."""
    found: dict[str, Found] = {}
    waiting, until = [*ids], time.monotonic() + settle_s
    with ThreadPoolExecutor(THREADS) as pool:
        while waiting:
            found.update(zip(waiting, pool.map(asking.state, waiting), strict=True))
            waiting = [id_ for id_ in waiting if found[id_].state == "open"]
            if time.monotonic() > until:
                break
            time.sleep(AGAIN_S if waiting else 0)
    return found


def sample(site: ClusterSite, found: dict[str, Found]) -> list[str]:
    """Which messages to fetch: those that met trouble first, then any."""
    there = [id_ for id_, one in found.items() if one.is_there and one.trouble is None]
    troubled = loads(site).troubled
    first = [id_ for id_ in there if id_ in troubled][: SAMPLE // 2]
    rest = [id_ for id_ in there if id_ not in set(first)]
    return first + random.Random(0).sample(rest, min(len(rest), SAMPLE - len(first)))


def main(folder: str, settle_s: str = str(SETTLE_S)) -> int:
    """Ask, and write down."""
    site = ClusterSite.load(Path(folder))
    asking = Asking(site)
    found = settle(asking, read_sent(site), float(settle_s))
    chosen = sample(site, found)
    with ThreadPoolExecutor(THREADS) as pool:
        told = pool.map(lambda id_: asking.whole(id_, found[id_]), chosen)
        found.update(zip(chosen, told, strict=True))
    with (site.folder / "found.pickle").open("wb") as file:
        pickle.dump(found, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Somebody who watches the logs in public: ``watch.py FOLDER``, until SIGTERM.

Reads each log's checkpoint at both gateways again and again, and learns each log's key from log 0
under the keys that operators told. What it saw is in its journal, so that a log shown in two
versions is found out afterwards, whichever gateway showed it and whatever happened since.
"""

import signal
import sys
import threading
from pathlib import Path
from typing import Final

import httpx

from sealway.connection import Connection
from sealway.errors import SdkError
from sealway.trust import Trust
from signing.errors import SealwayError
from signing.log.note import parse_verifier_key
from tests.faults.cluster.site import GATEWAYS, ClusterSite
from tests.faults.journal import Journal
from tests.support.agencies import BUS

WATCH: Final = "watch"
EVERY_S: Final = 0.5
FIRST_LOGS: Final = 4
LOGS_MAX: Final = 200


class Watcher:
    """What has been seen: each log's key, and its last checkpoint at each gateway."""

    def __init__(self, site: ClusterSite) -> None:
        self._site = site
        self._journal = Journal(site.journal(WATCH))
        self._keys: set[str] = set()
        self._seen: dict[tuple[str, str], str] = {}
        self._highest = FIRST_LOGS
        self._http = httpx.Client(timeout=2.0, trust_env=False)
        self.stopping = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self.stopping.wait(EVERY_S):
            for gateway in GATEWAYS:
                try:
                    self._look(gateway)
                except httpx.HTTPError:
                    continue
        self._journal.write("finished")

    def _look(self, gateway: str) -> None:
        for key in self._site.log_keys():
            origin = parse_verifier_key(key).name
            self._learn(origin, key)
            self._checkpoint(gateway, origin)
        for number in range(1, self._highest + 2):
            origin = f"{BUS}/log/{number}"
            if self._checkpoint(gateway, origin):
                self._highest = min(max(self._highest, number), LOGS_MAX)
                if origin not in self._keys:
                    self._ask_key(gateway, origin)

    def _checkpoint(self, gateway: str, origin: str) -> bool:
        name = origin.rpartition("/")[2]
        reply = self._http.get(f"{self._site.url(gateway)}/log/{name}/checkpoint")
        if reply.status_code != 200:
            return False
        if self._seen.get((gateway, origin)) != reply.text:
            self._seen[gateway, origin] = reply.text
            self._journal.write("checkpoint", by=gateway, origin=origin, note=reply.text)
        return True

    def _ask_key(self, gateway: str, origin: str) -> None:
        """Learn a shard's key as members do, under the keys of log 0 that they pin."""
        connection, trust = Connection(self._site.url(gateway)), Trust(BUS, *self._site.log_keys())
        try:
            self._learn(origin, str(connection.run(trust.log_key(origin))))
        except (SdkError, SealwayError):
            return  # asked for again with the next checkpoint
        finally:
            connection.close()

    def _learn(self, origin: str, key: str) -> None:
        if origin not in self._keys:
            self._keys.add(origin)
            self._journal.write("key", origin=origin, key=key)


def main(folder: str) -> None:
    """Watch until SIGTERM."""
    watcher = Watcher(ClusterSite.load(Path(folder)))
    signal.signal(signal.SIGTERM, lambda *_: watcher.stopping.set())
    watcher.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What is watched of a process, as numbers in memory: read at a scrape, never waited for.

Owns which counts and states a process has, whatever its roles. Refuses to ask a database, a disk
or anybody else. Invariant: no content, no message id and nobody's name is within its reach.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from exchange.acceptance.accept import Acceptance
from exchange.api.context import Api
from exchange.delivery.deliverer import Deliverer
from exchange.delivery.relay import Relay
from exchange.delivery.sweeper import Sweeper
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.log_writer import Clock, LogWriter
from exchange.operation.rounds import DirectoryWatch
from exchange.storage.port import LeasedStore
from exchange.storage.postgres.store import PostgresStore
from signing.errors import SealwayError

OF_BUS: Final = "bus"


@dataclass(frozen=True, slots=True)
class Watched:
    """One process of a bus. What its roles lack is None."""

    api: Api
    acceptance: Acceptance
    committer: GroupCommitter
    relay: Relay
    deliverer: Deliverer | None
    sweeper: Sweeper | None
    writers: Callable[[], list[LogWriter]]
    directory_watch: DirectoryWatch
    store: LeasedStore
    is_shared: bool
    """Whether other processes change the directory too."""
    bus_until_ms: int
    """When the certificate of the bus's record key ends."""
    hosted: Mapping[str, str]
    """By system, the certificate under which answers are signed here."""
    clock: Clock

    @property
    def directory_age_s(self) -> float | None:
        """How long ago the database said that the directory here is the newest; None: not yet."""
        if not self.is_shared:
            return 0.0
        looked_s = self.directory_watch.looked_s
        return None if looked_s is None else time.monotonic() - looked_s

    @property
    def connections_in_use(self) -> int | None:
        """Connections of the pool that somebody works on; None where there is no pool."""
        return self.store.connections_in_use if isinstance(self.store, PostgresStore) else None

    def certificates_left_s(self) -> list[tuple[str, float]]:
        """For the bus and each system that is hosted and registered: until its certificate ends."""
        now_ms, directory = self.clock(), self.api.directory.current
        left = [(OF_BUS, (self.bus_until_ms - now_ms) / 1000)]
        for system, x5t in self.hosted.items():
            try:
                known = directory.resolve(x5t)
            except SealwayError:
                continue  # it isn't registered yet: the first delivery says so
            left.append((system, (known.not_after_ms - now_ms) / 1000))
        return left

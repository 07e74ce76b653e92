"""Keeping leases alive while their questions are worked on, or wait for their turn.

Owns one thread and a connection of its own, both begun with the first lease that needs them.
Refuses to keep a question for ever: after `work_s` its lease runs out, so that a handler that
hangs holds nothing back. Trouble with the bus is logged; the lease then ends as if nobody kept it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sealway.connection import Connection
from sealway.errors import SdkError
from sealway.serving import Leased, Serving

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    until_ms: int
    ends_s: float


class LeaseKeeper:
    """Extends the leases it is told of, each third of their length, until it is told to stop."""

    def __init__(
        self, serving: Serving, connect: Callable[[], Connection], lease_s: float, work_s: float
    ) -> None:
        self._serving = serving
        self._connect = connect
        self._every_s = lease_s / 3
        self._work_s = work_s
        self._kept: dict[str, _Kept] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def keep(self, batch: Iterable[Leased]) -> None:
        """Keep these from now on."""
        ends_s = time.monotonic() + self._work_s
        with self._changed:
            for leased in batch:
                self._kept[leased.lease] = _Kept(leased.until_ms, ends_s)
            if self._kept and self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def drop(self, batch: Iterable[Leased]) -> None:
        """Keep these no longer: they are answered, or left for later."""
        with self._changed:
            for leased in batch:
                self._kept.pop(leased.lease, None)

    def until_ms(self, leased: Leased) -> int:
        """Until when its lease runs, as far as is known; 0 when it is lost."""
        with self._changed:
            kept = self._kept.get(leased.lease)
            return 0 if kept is None else kept.until_ms

    def close(self) -> None:
        """Keep nothing any more; closing twice is nothing."""
        with self._changed:
            self._closed = True
            self._kept.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        connection = self._connect()
        try:
            while True:
                with self._changed:
                    if self._changed.wait_for(lambda: self._closed, self._every_s):
                        return
                    leases = self._due()
                if leases:
                    self._extend(connection, leases)
        finally:
            connection.close()

    def _due(self) -> list[str]:
        now_s = time.monotonic()
        return [lease for lease, kept in self._kept.items() if now_s < kept.ends_s]

    def _extend(self, connection: Connection, leases: list[str]) -> None:
        try:
            until = connection.run(self._serving.extend(leases))
        except SdkError as error:
            log.warning("provider.leases_not_extended: %s", error.code)
            return
        with self._changed:
            for lease, until_ms in until.items():
                if lease not in self._kept:
                    continue
                if until_ms is None:
                    del self._kept[lease]
                else:
                    self._kept[lease].until_ms = until_ms

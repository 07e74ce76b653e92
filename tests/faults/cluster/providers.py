"""A department behind HTTP, as a process: ``providers.py FOLDER NAME SEED``.

Each writes down every call before it does anything, and what it did into a database of its own;
both outlive a kill. ``register`` is quick, ``slow`` takes seconds, ``failing`` mostly fails, and
``hanging`` takes a call and never answers.
"""

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from sealway.inbox import Inbox
from tests.faults.cluster.network import BY_CODE, OFFERS
from tests.faults.cluster.site import ClusterSite
from tests.faults.journal import Journal

QUICK_S: Final = (0.005, 0.04)
SLOW_S: Final = (2.3, 3.5)
FAILURES: Final = (503, 503, 503, 500, None, 200, 200)
"""What the failing one says, one as often as another; none: it hangs up."""


class Department:
    """Calls, effects and answers of one department."""

    def __init__(self, site: ClusterSite, name: str, seed: int) -> None:
        self._name = name
        self._chance = random.Random(seed)
        self._journal = Journal(site.journal(name))
        self._inbox = Inbox()
        self._data = open_effects(site.folder / f"{name}.db", self._inbox)

    async def close(self, app: web.Application) -> None:
        """Close its files."""
        self._journal.close()
        self._data.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        code, id_ = request.path.strip("/"), request.headers["Idempotency-Key"]
        self._journal.write("called", id=id_, service=code)
        body = await request.json()
        behave: Callable[[web.Request], Awaitable[int]] = getattr(self, f"_be_{self._name}")
        status = await behave(request)
        if status != 200:
            return web.Response(status=status)
        return web.json_response(self._act(code, id_, body))

    def _act(self, code: str, id_: str, body: Any) -> dict[str, str]:
        """Have the effect; once for an id where the service promises it."""

        def work() -> dict[str, str]:
            self._data.execute("INSERT INTO effect (id, at) VALUES (?, ?)", (id_, time.monotonic()))
            return {"status": f"{code} of {body['person_code']}"}

        if BY_CODE[code].repeat != "keyed":
            return work()
        self._data.execute("BEGIN IMMEDIATE")
        try:
            said: dict[str, str] = self._inbox.once(self._data, id_, work)
        except BaseException:
            self._data.rollback()
            raise
        self._data.commit()
        return said

    async def _be_register(self, request: web.Request) -> int:
        await asyncio.sleep(self._chance.uniform(*QUICK_S))
        return 200

    async def _be_slow(self, request: web.Request) -> int:
        await asyncio.sleep(self._chance.uniform(*SLOW_S))
        return 200

    async def _be_failing(self, request: web.Request) -> int:
        status = self._chance.choice(FAILURES)
        if status is None:
            assert request.transport is not None
            request.transport.abort()
        return status or 503

    async def _be_hanging(self, request: web.Request) -> int:
        await asyncio.sleep(3600)
        return 503


def open_effects(path: Path, inbox: Inbox) -> sqlite3.Connection:
    """The department's own database: the inbox, and a row for each effect."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS effect (id TEXT NOT NULL, at REAL NOT NULL)")
    inbox.create(connection)
    return connection


def application(site: ClusterSite, name: str, seed: int) -> web.Application:
    """A department with the services it offers."""
    department = Department(site, name, seed)
    app = web.Application()
    app.on_cleanup.append(department.close)
    for offer in OFFERS:
        if offer.adapter == name:
            app.router.add_post(f"/{offer.code}", department.answer)
    return app


def main(folder: str, name: str, seed: str) -> None:
    """Serve until told to stop."""
    site = ClusterSite.load(Path(folder))
    app, port = application(site, name, int(seed)), site.ports[name]
    web.run_app(app, host="127.0.0.1", port=port, print=lambda _: None, shutdown_timeout=0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])

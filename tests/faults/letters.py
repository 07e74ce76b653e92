"""The civil registry's HTTP service: answers after a while, writes down each call it gets."""

import asyncio
import random
import sys
from pathlib import Path

from aiohttp import web

from tests.faults.journal import Journal
from tests.faults.site import Site


def application(journal: Journal, seed: int) -> web.Application:
    """Two calls; the ids it is asked under are counted afterwards."""
    chance = random.Random(seed)

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        journal.write("called", id=request.headers["Idempotency-Key"], path=request.path)
        await asyncio.sleep(chance.uniform(0.01, 0.15))
        return web.json_response({"status": f"sent to {body['person_code']}"})

    app = web.Application()
    app.router.add_post("/letters", answer)
    app.router.add_post("/changes", answer)
    return app


def main(folder: str, seed: str) -> None:
    """Serve until told to stop."""
    site = Site.load(Path(folder))
    app = application(Journal(site.journal("letters")), int(seed))
    web.run_app(app, host="127.0.0.1", port=site.letters_port, print=lambda _: None)


if __name__ == "__main__":
    main(*sys.argv[1:])

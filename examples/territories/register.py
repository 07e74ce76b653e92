"""The territories register: an ordinary little HTTP service over ISO 3166.

    python examples/territories/register.py --port 9003
    curl http://127.0.0.1:9003/countries/FI/subdivisions?type=region

It knows nothing of Sealway: no envelope, no signature, its own names for things. Countries and
their subdivisions are the real ones, from pycountry.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote

import pycountry
import uvicorn

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

_HEADERS = [(b"content-type", b"application/json")]


class Territories:
    """The register, read once: answers are found, not made."""

    def __init__(self) -> None:
        self._countries = {one.alpha_2: _country(one) for one in pycountry.countries}
        self._subdivisions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for one in pycountry.subdivisions:
            self._subdivisions[one.country_code].append(_subdivision(one))
        for items in self._subdivisions.values():
            items.sort(key=lambda item: item["code"])
        self._bodies: dict[tuple[str, str], bytes] = {}

    def country(self, alpha_2: str) -> dict[str, Any] | None:
        """One country, or None."""
        return self._countries.get(alpha_2)

    def subdivisions(self, alpha_2: str, kind: str) -> bytes | None:
        """The JSON of a country's subdivisions, all or those of one type, or None."""
        country = self._countries.get(alpha_2)
        if country is None:
            return None
        body = self._bodies.get((alpha_2, kind))
        if body is None:
            wanted = [
                item
                for item in self._subdivisions.get(alpha_2, [])
                if not kind or item["type"].casefold() == kind
            ]
            short = {"alpha_2": alpha_2, "name": country["name"]}
            body = _json({"country": short, "total": len(wanted), "items": wanted})
            if len(self._bodies) < 2_000:
                self._bodies[alpha_2, kind] = body
        return body


def _country(one: Any) -> dict[str, Any]:
    return {
        "alpha_2": one.alpha_2,
        "alpha_3": one.alpha_3,
        "numeric": one.numeric,
        "name": one.name,
        "official_name": getattr(one, "official_name", None),
    }


def _subdivision(one: Any) -> dict[str, Any]:
    return {"code": one.code, "name": one.name, "type": one.type, "parent": one.parent_code}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def answer(territories: Territories, path: str, query: str) -> tuple[int, bytes]:
    """Status and JSON body for one GET."""
    parts = path.split("/")[1:]
    if parts == ["health"]:
        return 200, b'{"ok":true}'
    if (
        len(parts) not in (2, 3)
        or parts[0] != "countries"
        or parts[2:] not in ([], ["subdivisions"])
    ):
        return 404, _json({"message": "There is no such page."})
    alpha_2 = unquote(parts[1]).upper()
    if len(alpha_2) != 2 or not alpha_2.isalpha() or not alpha_2.isascii():
        return 400, _json({"message": "A country code has two letters."})
    if len(parts) == 3:
        kind = parse_qs(query).get("type", [""])[0].casefold()
        found = territories.subdivisions(alpha_2, kind)
    else:
        country = territories.country(alpha_2)
        found = None if country is None else _json(country)
    if found is None:
        return 404, _json({"message": "ISO 3166-1 has no such country."})
    return 200, found


def make_app(
    territories: Territories,
) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    """The ASGI application."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            status, body = 405, _json({"message": "Only GET."})
        else:
            query = scope["query_string"].decode("latin-1")
            status, body = answer(territories, scope["path"], query)
        length = (b"content-length", str(len(body)).encode("ascii"))
        start = {"type": "http.response.start", "status": status, "headers": [*_HEADERS, length]}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="ISO 3166 over HTTP")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9003)
    args = parser.parse_args()
    uvicorn.run(
        make_app(Territories()),
        host=args.host,
        port=args.port,
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()

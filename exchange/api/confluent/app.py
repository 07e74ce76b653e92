"""The addresses of Confluent's API, and its authentication.

Plain ASGI: subjects hold slashes, which clients escape, so the address is split before it is
unescaped. Everything needs a token: `Authorization: Bearer`, or `Basic` with the token as password
(the user name says nothing), which is all that some clients can send.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl, unquote

from exchange.api.asgi import ClientGone, Headers, Receive, Scope, Send, raw_path, send
from exchange.api.auth import admit, note_denial
from exchange.api.confluent import levels, reading, registering
from exchange.api.confluent.asked import Asked
from exchange.api.confluent.errors import Told, error_reply
from exchange.api.context import Api
from exchange.api.errors import RequestInvalid
from exchange.api.replies import HeaderLine, Reply
from exchange.api.resources.asked import TRACE_ID

PREFIX: Final = "/confluent"
QUERY_PARAMETERS_MAX: Final = 100  # a client sends five

Handler = Callable[[Asked], Awaitable[Reply]]
ANY: Final = "{}"

ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "subjects", reading.subjects),
    ("POST", "subjects/{}", registering.look_up),
    ("DELETE", "subjects/{}", registering.delete_subject),
    ("GET", "subjects/{}/versions", reading.versions),
    ("POST", "subjects/{}/versions", registering.register),
    ("GET", "subjects/{}/versions/{}", reading.version),
    ("DELETE", "subjects/{}/versions/{}", registering.delete_version),
    ("GET", "subjects/{}/versions/{}/schema", reading.version_text),
    ("GET", "subjects/{}/versions/{}/referencedby", reading.referenced_by),
    ("GET", "schemas/types", reading.types),
    ("GET", "schemas/ids/{}", reading.by_id),
    ("GET", "schemas/ids/{}/schema", reading.text_by_id),
    ("GET", "schemas/ids/{}/subjects", reading.subjects_by_id),
    ("GET", "schemas/ids/{}/versions", reading.versions_by_id),
    ("POST", "compatibility/subjects/{}/versions", registering.compare),
    ("POST", "compatibility/subjects/{}/versions/{}", registering.compare),
    ("GET", "config", levels.level),
    ("PUT", "config", levels.set_level),
    ("DELETE", "config", levels.drop_level),
    ("GET", "config/{}", levels.level),
    ("PUT", "config/{}", levels.set_level),
    ("DELETE", "config/{}", levels.drop_level),
    ("GET", "mode", reading.mode),
    ("GET", "mode/{}", reading.mode),
)
"""Method, address below the prefix, and what answers; ``associations`` are 404 like the rest."""


def is_confluent(path: str) -> bool:
    """Whether an address is one of these."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class ConfluentApi:
    """Confluent's API of one bus."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, to: Send) -> None:
        """Answer one call; raises ClientGone only."""
        try:
            reply = await self._reply(scope, receive)
        except ClientGone:
            raise
        except Exception as error:
            note_denial(self._api, scope, error)
            reply = error_reply(self._api, error, str(scope[TRACE_ID]))
        await send(to, *reply)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        headers = Headers(_with_bearer(scope["headers"]))
        caller = await admit(self._api, headers, scope)
        await self._api.directory.refresh()  # what somebody registered elsewhere is here too
        method = "GET" if scope["method"] == "HEAD" else str(scope["method"])
        handler, parts = _route(method, raw_path(scope))
        query = _query(scope.get("query_string", b""))
        return await handler(Asked(self._api, caller, headers, receive, parts, query))


def _route(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """What answers, and the address's free parts. Raises Told."""
    steps = path.removeprefix(PREFIX).strip("/").split("/")
    methods = set()
    for known, template, handler in ROUTES:
        wanted = template.split("/")
        if len(wanted) != len(steps):
            continue
        if all(want in (ANY, step) for want, step in zip(wanted, steps, strict=True)):
            methods.add(known)
            if known == method:
                free = (s for want, s in zip(wanted, steps, strict=True) if want == ANY)
                return handler, tuple(unquote(step) for step in free)
    if methods:
        raise Told(405, "HTTP 405 Method Not Allowed")
    raise Told(404, "HTTP 404 Not Found")


def _query(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(raw.decode("ascii"), True, max_num_fields=QUERY_PARAMETERS_MAX)
    except (UnicodeDecodeError, ValueError) as error:
        raise RequestInvalid("The query can't be read.") from error
    return dict(pairs)


def _with_bearer(lines: list[HeaderLine]) -> list[HeaderLine]:
    """The header lines, with the password of ``Basic`` made into what ``Bearer`` would say."""
    return [
        (name, _bearer(value)) if name == b"authorization" else (name, value)
        for name, value in lines
    ]


def _bearer(value: bytes) -> bytes:
    scheme, _, given = value.partition(b" ")
    if scheme.lower() != b"basic":
        return value
    try:
        _, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
    except binascii.Error:
        return value
    return b"Bearer " + password

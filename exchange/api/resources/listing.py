"""Lists: keyset cursors (``limit``, ``after``) and ``Link: rel="next"``; entity tags."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query

from exchange.api.asgi import Headers
from exchange.api.errors import RequestInvalid
from exchange.api.replies import HeaderLine, Reply, json_reply
from signing.encoding import b64url_encode

PAGE_MAX: Final = 1_000  # a page of the largest objects, schemas, stays within some megabytes

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of one page at most.")]
After = Annotated[
    str | None,
    Query(max_length=400, pattern=r"^[^\x00]*$", description="The key of the last item seen."),
]


def page_reply(
    path: str, keyed: Sequence[tuple[str, Any]], limit: int, after: str | None, **members: Any
) -> Reply:
    """One page of (key, item) pairs that are sorted by key."""
    rest = keyed if after is None else [one for one in keyed if one[0] > after]
    page = rest[:limit]
    headers: list[HeaderLine] = []
    if len(rest) > limit:
        query = urlencode({"limit": limit, "after": page[-1][0]})
        mark = "&" if "?" in path else "?"
        headers.append((b"link", f'<{path}{mark}{query}>; rel="next"'.encode("ascii")))
    return json_reply({"items": [item for _, item in page], **members}, headers=headers)


def tag_of(body: bytes) -> str:
    """The entity tag of a reply's bytes."""
    return f'"{b64url_encode(hashlib.sha256(body).digest()[:16])}"'


def tagged(reply: Reply, headers: Headers, tag: str) -> Reply:
    """A reply with its ETag, or 304 when the caller has it already (RFC 9110 section 13.1.2)."""
    status, lines, body = reply
    line = (b"etag", tag.encode("ascii"))
    known = headers.text(b"if-none-match")
    if known is not None and tag in {one.strip().removeprefix("W/") for one in known.split(",")}:
        return 304, [line], b""
    return status, [*lines, line], body


def expected_tag(headers: Headers) -> str | None:
    """The one strong tag of ``If-Match``, without quotes; None without that header.

    Raises:
        RequestInvalid: several tags, a weak one, or ``*``.
    """
    value = headers.text(b"if-match")
    if value is None:
        return None
    inner = value.strip()
    if len(inner) < 3 or inner[0] != '"' or inner[-1] != '"' or '"' in inner[1:-1]:
        raise RequestInvalid('If-Match takes one entity tag, like "…", as ETag gave it.')
    return inner[1:-1]

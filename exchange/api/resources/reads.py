"""``GET /v1/reads``: who read or exported what, for auditors, as log 0 says it."""

from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from exchange.api.errors import RequestInvalid
from exchange.api.replies import HeaderLine, json_reply
from exchange.api.resources.asked import BusOf, respond
from exchange.ledger.names import log_name, number_of
from sealway.verify.accesses import AccessFilter, Place
from signing.encoding import parse_time
from signing.errors import EncodingInvalid, MessageIdInvalid
from signing.identifiers import parse_message_id

PAGE_MAX: Final = 100  # each line opens a sealed record
PATH: Final = "/v1/reads"
INDEX_DIGITS: Final = 12

router = APIRouter(tags=["audit"])
Page = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of one page at most.")]
After = Annotated[str | None, Query(max_length=40, description="From a Link: how far it went.")]
Time = Annotated[str | None, Query(max_length=24, description="Like 2026-11-22T06:40:00.000Z.")]
Person = Annotated[str | None, Query(max_length=255, description="An id, as records name people.")]
Message = Annotated[str | None, Query(max_length=36, description="Reads of this message.")]


@router.get(PATH, summary="List who read or exported what")
async def list_all(
    api: BusOf,
    person: Person = None,
    message: Message = None,
    since: Time = None,
    until: Time = None,
    kind: Literal["read", "export"] | None = None,
    limit: Page = PAGE_MAX,
    after: After = None,
) -> Response:
    """In the log's order. A page looks through a piece of the log, so it may be empty and not the
    last; ``Link`` says where to go on. A record that was erased has no person any more."""
    try:
        asked = AccessFilter(
            kind,
            person,
            None if message is None else parse_message_id(message),
            None if since is None else parse_time(since),
            None if until is None else parse_time(until),
        )
    except (EncodingInvalid, MessageIdInvalid) as error:
        raise RequestInvalid(error.detail) from error
    lines, following = await api.accessed.page(asked, _cursor(after), limit)
    headers: list[HeaderLine] = []
    if following is not None:
        text = f"{log_name(following[0])}:{following[1]}"
        given = {"person": person, "message": message, "since": since, "until": until, "kind": kind}
        query = {name: value for name, value in given.items() if value is not None}
        link = f'<{PATH}?{urlencode({**query, "limit": limit, "after": text})}>; rel="next"'
        headers.append((b"link", link.encode("ascii")))
    return respond(json_reply({"items": lines}, headers=headers))


def _cursor(after: str | None) -> Place:
    """Where to begin; a cursor is only ever one that a page gave. Raises RequestInvalid."""
    if after is None:
        return 0, 0
    name, _, index = after.partition(":")
    log = number_of(name)
    is_index = index.isascii() and index.isdigit() and len(index) <= INDEX_DIGITS
    if log is None or log > 0 or not is_index:
        raise RequestInvalid("'after' is what a Link of this list says.")
    return log, int(index)

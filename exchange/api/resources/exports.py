"""``POST /v1/exports``: an evidence bundle as a stream, for auditors.

Owns how it is asked for. The export is recorded and anchored before the first byte leaves. Should
it break off, what arrived is no bundle: its last file names all the others.
"""

from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from exchange.api.bodies import Body, read_model
from exchange.api.errors import RequestInvalid
from exchange.api.replies import json_reply
from exchange.api.resources.asked import SAFE, BusOf, CallerOf, HeadersOf, described, respond
from sealway.audit.errors import SelectionInvalid
from sealway.audit.selection import FULL, Selection
from signing.encoding import parse_time
from signing.errors import EncodingInvalid
from signing.identifiers import new_message_id
from signing.sealed import MEDIA_TYPE as SEALED_TYPE
from signing.sealed import parse_recipient

MEDIA_TYPE: Final = "application/vnd.sealway.evidence+zip"
REASON_CHARS_MAX: Final = 4_000

router = APIRouter(tags=["audit"])


class ExportBody(Body):
    """``since``, ``until``: times; what lies between the heads of log 0 around them is exported.

    A full export holds the records of who read and exported, unless ``accesses`` is false.
    """

    selection: dict[str, Any] = Field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    reason: str | None = None
    recipient: str | None = None
    """Whom the bundle is sealed for: an X25519 public key in base64url; without it, it isn't."""


@router.post(
    "/v1/exports",
    summary="Export an evidence bundle",
    response_class=Response,
    openapi_extra=described(ExportBody),
)
async def export(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """A bundle that verifies offline (docs/evidence.md); recorded in log 0 with who asked.

    With a ``recipient`` it is sealed: only the holder of that key can open what was stored or sent.
    """
    body = await read_model(api, headers, request.receive, ExportBody)
    api.check_writable()
    if body.reason is not None and len(body.reason) > REASON_CHARS_MAX:
        raise RequestInvalid(f"A reason has at most {REASON_CHARS_MAX} characters.")
    asked = _asked(body)
    _check_recipient(body)
    name = new_message_id(api.clock())
    pieces = await api.exports.export(*asked, caller.actor, body.reason, name, body.recipient)
    sealed = body.recipient is not None
    kind, suffix = (SEALED_TYPE, "zip.sealed") if sealed else (MEDIA_TYPE, "zip")
    lines = {**SAFE, "content-disposition": f'attachment; filename="{name}.{suffix}"'}
    return StreamingResponse(pieces, media_type=kind, headers=lines)


@router.post(
    "/v1/exports/preview",
    summary="Say what an export would take",
    openapi_extra=described(ExportBody),
)
async def preview(request: Request, api: BusOf, headers: HeadersOf) -> Response:
    """The range, and how many leaves of each log match; nothing is recorded or opened."""
    asked = _asked(await read_model(api, headers, request.receive, ExportBody))
    return respond(json_reply(await api.exports.preview(*asked)))


def _asked(body: ExportBody) -> tuple[Selection, int | None, int | None]:
    try:
        selection = Selection.from_object(body.selection)
        if selection.form == FULL and "accesses" not in body.selection:
            selection = replace(selection, accesses=True)
        return selection, _ms(body.since), _ms(body.until)
    except (SelectionInvalid, EncodingInvalid) as error:
        raise RequestInvalid(error.detail) from error


def _check_recipient(body: ExportBody) -> None:
    try:
        if body.recipient is not None:
            parse_recipient(body.recipient)
    except EncodingInvalid as error:
        raise RequestInvalid(f"The recipient is no X25519 key: {error.detail}") from error


def _ms(text: str | None) -> int | None:
    return None if text is None else parse_time(text)

"""What a route of FastAPI is given: the bus, who calls, and how to answer.

The outer application has authenticated the call and put its findings into the scope; a route
that asks for a caller where nobody was authenticated is a programming error.
"""

from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response

from exchange.api.asgi import Headers
from exchange.api.auth import CALLER, Caller, check_role
from exchange.api.bodies import Body
from exchange.api.context import Api
from exchange.api.replies import Reply
from exchange.api.roles import rule_of

TRACE_ID: Final = "sealway.trace_id"
TOLD: Final = "sealway.told"


async def _api(request: Request) -> Api:
    api: Api = request.app.state.api
    return api


async def _caller(request: Request) -> Caller:
    caller: Caller = request.scope[CALLER]
    return caller


async def authorised(request: Request) -> None:
    """What every route asks first: that the table of roles lets this caller make the call.

    Raises:
        RoleMissing: it doesn't.
    """
    rule = rule_of(request.method, request.scope["route"].path)
    if not rule.is_public:
        check_role(request.scope[CALLER], rule)


async def _headers(request: Request) -> Headers:
    return Headers(request.scope["headers"])


async def _trace_id(request: Request) -> str:
    return str(request.scope[TRACE_ID])


BusOf = Annotated[Api, Depends(_api)]
CallerOf = Annotated[Caller, Depends(_caller)]
HeadersOf = Annotated[Headers, Depends(_headers)]
TraceOf = Annotated[str, Depends(_trace_id)]

SAFE: Final = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


def described(body: type[Body]) -> dict[str, Any]:
    """What a route that reads its own body adds to the OpenAPI document.

    What the body refers to must stand among the document's components (`exchange.api.openapi`).
    """
    members = body.model_json_schema(ref_template="#/components/schemas/{model}")
    members.pop("$defs", None)
    schema = {"schema": members}
    return {"requestBody": {"required": True, "content": {"application/json": schema}}}


def respond(reply: Reply) -> Response:
    """A reply as FastAPI sends it."""
    status, headers, body = reply
    response = Response(body, status)
    for name, value in headers:
        response.headers.append(name.decode("latin-1"), value.decode("latin-1"))
    for name_, value_ in SAFE.items():
        response.headers.setdefault(name_, value_)
    return response

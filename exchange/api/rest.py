"""The FastAPI application: every resource but the three calls on the path of a message.

Owns its making and its errors. Nothing is loaded from elsewhere: FastAPI's own documentation pages
are off.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig

from exchange.acceptance.accept import Refused
from exchange.api.asgi import ClientGone, raw_path
from exchange.api.auth import note_denial
from exchange.api.bodies import invalid
from exchange.api.context import Api
from exchange.api.errors import MethodNotAllowed, NotFound
from exchange.api.openapi import openapi_document
from exchange.api.replies import problem_reply
from exchange.api.resources import (
    asks,
    certificates,
    changes,
    dead,
    exports,
    grants,
    health,
    logs,
    mailboxes,
    members,
    messages,
    pages,
    persons,
    reads,
    refusals,
    sandbox,
    schema_examples,
    schemas,
    services,
    subjects,
    systems,
    tiles,
)
from exchange.api.resources.asked import TOLD, TRACE_ID, authorised, respond
from exchange.api.roles import check_all
from signing.errors import SealwayError

_ROUTERS = (
    messages.router,
    refusals.router,
    mailboxes.router,
    dead.router,
    changes.router,
    members.router,
    systems.router,
    certificates.router,
    schema_examples.router,
    schemas.router,
    subjects.router,
    services.router,
    grants.router,
    asks.router,
    persons.router,
    logs.router,
    tiles.router,
    exports.router,
    reads.router,
    health.router,
    pages.router,
)


_NO_TELEMETRY: Final = TelemetryConfig(
    tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False
)
"""Its own would tell paths and errors' texts, to hosts that variables name and nobody listed."""


def rest_app(api: Api) -> FastAPI:
    """The application; the outer router authenticates before it and answers what it raises.

    Raises:
        RouteWithoutRule: a route that the table of roles doesn't name.
    """
    app = FastAPI(
        title="Sealway",
        version=health.VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        dependencies=[Depends(authorised)],
    )
    app.state.api = api
    for router in _ROUTERS:
        app.include_router(router)
    if api.sandbox is not None:
        app.include_router(sandbox.router)
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _wrong_method)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SealwayError, _problem)
    app.add_exception_handler(Refused, _problem)
    app.add_exception_handler(ClientGone, _nobody)
    app.add_exception_handler(Exception, _unexpected)
    check_all(_calls(app))
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]
    return app


def _calls(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in _routes(app):
        for method in getattr(route, "methods", None) or ():
            yield method, getattr(route, "path", "")


def _routes(app: FastAPI) -> Iterator[Any]:
    """Every route: the framework keeps those of a router apart."""
    yield from app.routes
    for router in _ROUTERS:
        yield from router.routes


async def _problem(request: Request, error: Exception) -> Response:
    api: Api = request.app.state.api
    note_denial(api, request.scope, error)
    trace_id = str(request.scope[TRACE_ID])
    return respond(problem_reply(api, error, trace_id=trace_id, instance=raw_path(request.scope)))


async def _unexpected(request: Request, error: Exception) -> Response:
    request.scope[TOLD] = True  # the framework raises it again after the reply
    return await _problem(request, error)


async def _nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it


async def _not_found(request: Request, error: Exception) -> Response:
    return await _problem(request, NotFound())


async def _wrong_method(request: Request, error: Exception) -> Response:
    return await _problem(request, MethodNotAllowed(_allowed(request)))


def _allowed(request: Request) -> str:
    """Every method of the path: the framework names those of one route only."""
    path = request.scope["path"]
    methods: set[str] = set()
    for route in _routes(request.app):
        pattern: re.Pattern[str] | None = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            methods |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(methods - {"HEAD"}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _problem(request, invalid(list(error.errors())))

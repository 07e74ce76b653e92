"""``/openapi.json``: the whole API for machines, the plain ASGI calls included.

Owns what FastAPI can't know: the calls beside it, and that every refusal is one kind of document.
"""

import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from exchange.api.bodies import Body
from exchange.api.call_problems import problems_of
from exchange.api.described import answers_of, headers_of, shapes
from exchange.api.mailbox import CONFIRM_PATH, LEASE_PATH, ConfirmBody, LeaseBody
from exchange.api.messages import PATH as MESSAGES_PATH
from exchange.api.problems import MEDIA_TYPE, PROBLEMS
from exchange.api.resources.changes import ChangeBody
from exchange.api.resources.proposals import ReferenceBody
from exchange.api.roles import rule_as_written
from signing.message import DELIVERY_TYPE, FRAME_TYPE

_TEXT: Final = {"type": "string"}
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457; each code has a page at its type.",
    "required": ["type", "title", "status", "code", "retryable", "detail", "remedy"],
    "properties": {
        "type": {**_TEXT, "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": {**_TEXT, "enum": sorted(PROBLEMS)},
        "retryable": {"type": "boolean"},
        "detail": _TEXT,
        "remedy": _TEXT,
        "instance": _TEXT,
        "trace_id": _TEXT,
        "depth": {"type": "integer", "description": "What waits in the mailbox that is full."},
        "refusal": {
            "type": "object",
            "properties": {"log": _TEXT, "index": {"type": "integer"}},
        },
    },
}
_BINARY: Final = {"type": "string", "format": "binary"}
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A person's token, or a JWT that a system signs for this very call.",
}
_REFUSED: Final[dict[str, Any]] = {
    "description": "Refused",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["paths"] |= _hot_paths()
        document["components"] = {
            "schemas": {
                "ChangeBody": ChangeBody.model_json_schema(),
                "ReferenceBody": ReferenceBody.model_json_schema(),
                "Problem": PROBLEM,
                **shapes(),
            },
            "securitySchemes": {"bearer": _BEARER},
        }
        for path, calls in document["paths"].items():
            for method, call in calls.items():
                _complete(call, method.upper(), path)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(call: dict[str, Any], method: str, path: str) -> None:
    """What FastAPI can't know of a call: its name, who may make it, all that it answers."""
    call["operationId"] = _name(method, path)
    call["responses"].pop("422", None)
    if good := answers_of(method, path):
        call["responses"] = {str(status): one.to_object() for status, one in good.items()}
    call["responses"] |= _refusals(method, path)
    if headers := headers_of(method, path):
        call["parameters"] = [*call.get("parameters", []), *headers]
    if not rule_as_written(method, path).is_public:
        call["security"] = [{"bearer": []}]


def _name(method: str, path: str) -> str:
    """``get_messages_id_receipt`` for ``GET /v1/messages/{id}/receipt``: what clients call it."""
    words = re.findall(r"[a-z0-9]+", path.removeprefix("/v1").lower())
    return "_".join([method.lower(), *words])


def _refusals(method: str, path: str) -> dict[str, Any]:
    """What a call can refuse with, by status; `default` is for what stands in front of the bus."""
    codes: dict[int, list[str]] = {}
    for code in problems_of(method, path):
        codes.setdefault(PROBLEMS[code].status, []).append(code)
    refusals: dict[str, Any] = {
        str(status): {**_REFUSED, "description": f"Refused: {', '.join(codes[status])}"}
        for status in sorted(codes)
    }
    if "rejected" in codes.get(422, ()):  # the provider's own signed no, when asked for in whole
        content = {**_REFUSED["content"], DELIVERY_TYPE: {"schema": _BINARY}}
        refusals["422"] = {**refusals["422"], "content": content}
    return {**refusals, "default": _REFUSED}


def _hot_paths() -> dict[str, Any]:
    """The calls that are plain ASGI routes beside FastAPI."""
    bodies: dict[str, type[Body]] = {LEASE_PATH: LeaseBody, CONFIRM_PATH: ConfirmBody}
    summaries = {LEASE_PATH: "Lease from your mailbox", CONFIRM_PATH: "Confirm leases"}
    paths: dict[str, Any] = {
        path: _post(
            summaries[path], "mailbox", {"application/json": {"schema": model.model_json_schema()}}
        )
        for path, model in bodies.items()
    }
    binary = {"schema": _BINARY}
    send = _post(
        "Send a message",
        "messages",
        {FRAME_TYPE: binary, "application/json": {"schema": {"type": "object"}}},
    )
    return {**paths, MESSAGES_PATH: send}


def _post(summary: str, tag: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "tags": [tag],
            "requestBody": {"required": True, "content": content},
            "responses": {"200": {"description": "Done"}},
        }
    }

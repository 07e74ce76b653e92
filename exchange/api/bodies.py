"""JSON bodies of calls: read within limits, strictly, into a model that refuses what it ignores."""

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from exchange.api.asgi import Headers, Receive, read_body
from exchange.api.context import Api
from exchange.api.errors import BodyTypeUnsupported, RequestInvalid
from signing.errors import JsonInvalid
from signing.strict_json import parse_json

DEPTH_MAX: Final = 64  # as for JSON parts
LINE: Final = r"^[^\x00-\x1f\x7f]+$"  # a text for people: one line, nothing that steers a terminal
POINTERS_MAX: Final = 20  # a body that is wrong in more places is another call's body


class Body(BaseModel):
    """The base of every body: unknown members refused, no text read as a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


M = TypeVar("M", bound=Body)


async def read_json(api: Api, headers: Headers, receive: Receive) -> Any:
    """A call's body as strict JSON.

    Raises:
        BodyTypeUnsupported: not declared as ``application/json``.
        RequestInvalid: not strict JSON.
        BodyTooLarge, ClientTooSlow, ClientGone: as `read_body`.
    """
    if headers.media_type() != "application/json":
        raise BodyTypeUnsupported("The body must come as application/json.")
    limit = api.limits.body_bytes_max
    body = await read_body(receive, headers, limit, api.limits.body_s_max)
    return parse_body(body, limit)


def parse_body(body: bytes, bytes_max: int) -> Any:
    """A call's body as strict JSON without U+0000, which no text here has a use for.

    Raises:
        RequestInvalid: it is something else.
    """
    try:
        value = parse_json(body, depth_max=DEPTH_MAX, bytes_max=bytes_max)
    except JsonInvalid as error:
        raise RequestInvalid(f"The body: {error.detail}") from error
    # Strict JSON has the character escaped or not at all, so that most bodies aren't walked.
    if b"\\u0000" in body and _has_nul(value):
        raise RequestInvalid("The body: a text holds the character U+0000.")
    return value


def _has_nul(value: Any) -> bool:
    """Whether a text anywhere within holds U+0000; no database of ours can keep one."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(one) for name, one in value.items())
    return isinstance(value, list) and any(_has_nul(one) for one in value)


async def read_model(api: Api, headers: Headers, receive: Receive, model: type[M]) -> M:
    """A call's body as ``model``. Raises as `read_json`, or RequestInvalid with pointers."""
    value = await read_json(api, headers, receive)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from error


def invalid(errors: "list[Any]", below: str = "") -> RequestInvalid:
    """What pydantic found, as JSON Pointers and sentences without values."""
    pointers = [
        (below + "".join(f"/{_escaped(step)}" for step in one["loc"]), str(one["msg"]))
        for one in errors[:POINTERS_MAX]
    ]
    at, text = pointers[0]
    return RequestInvalid(f"At {at or 'the top'}: {text}.", pointers)


def _escaped(step: object) -> str:
    return str(step)[:100].replace("~", "~0").replace("/", "~1")

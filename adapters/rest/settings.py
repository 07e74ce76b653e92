"""The table ``[adapters.NAME]`` of kind ``rest``."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from adapters.egress.client import is_header
from adapters.settings import ServiceKey, SettingsTable

_MEDIA_TYPE: Final = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\Z"
)
_STATUS: Final = re.compile(r"[1-5](?:[0-9]{2}|xx)\Z")
_OUTCOME: Final = re.compile(r"[a-z0-9.-]{1,64}\Z")
_SECRET_NAMES: Final = frozenset({"authorization", "cookie", "x-api-key"})


def _check_media_type(text: str) -> str:
    if _MEDIA_TYPE.match(text) is None:
        raise ValueError("not type/subtype in lower case without parameters")
    return text


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not is_header(name, value):
            raise ValueError(f"{name!r} is no header that an adapter may set")
        if name.lower() in _SECRET_NAMES:
            raise ValueError(f"{name!r} belongs in secret_headers, by file")
    return headers


def _check_status(status: dict[str, str]) -> dict[str, str]:
    for key, outcome in status.items():
        if _STATUS.match(key) is None:
            raise ValueError(f"{key!r} is no status; write 404 or 4xx")
        if _OUTCOME.match(outcome) is None:
            raise ValueError("an outcome is answer, unreachable, misbehaved or a rejection code")
    return status


MediaType = Annotated[str, AfterValidator(_check_media_type)]


class RestServiceSettings(SettingsTable):
    """One service: which call it is, and how the response reads.

    path: begins with a slash; ``{country}`` takes a value of the request, one per segment or a
        piece of one.
    query: parameter → where in the request (a mapping, see ``adapters.mapping``); what isn't
        there is left out, a list is repeated.
    body: ``request`` sends the request's bytes, ``none`` nothing, a mapping builds JSON; by default
        ``request`` for POST, PUT and PATCH.
    status: status or class (``"404"``, ``"5xx"``) → ``answer``, ``unreachable``, ``misbehaved`` or
        a rejection code; added to the defaults in ``adapters.rest.outcome``.
    answer: a mapping from the response's JSON; without it the response's bytes are the answer.
    reject_text: where in the JSON of an error response the text of a rejection is; without it
        nothing of the response's body leaves.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str = Field(min_length=1, max_length=2000, pattern=r"^/[!-~]*$")
    query: dict[str, Any] = Field(default_factory=dict)
    body: Literal["request", "none"] | dict[str, Any] | None = None
    status: Annotated[dict[str, str], AfterValidator(_check_status)] = Field(default_factory=dict)
    answer: dict[str, Any] | str | None = None
    answer_type: MediaType = "application/json"
    reject_text: str | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=600)


class RestSettings(SettingsTable):
    """A base URL, what every call carries, and the services.

    secret_headers: header → file with its value.
    sender_headers: tell the service who asks and why (``Sealway-Sender``, ``Sealway-Purpose``).
    test: answers test messages, and nothing else; a service's `test_delivery` names it.
    timeout_s: 20 by default: well within the 60 s a service has for one attempt.
    """

    kind: Literal["rest"] = "rest"
    test: bool = False
    base: str = Field(max_length=2000)
    timeout_s: float = Field(default=20.0, gt=0, le=600)
    response_bytes_max: int = Field(default=10 * 1024 * 1024, ge=1, le=10 * 1024 * 1024)
    headers: Annotated[dict[str, str], AfterValidator(_check_headers)] = Field(default_factory=dict)
    secret_headers: dict[str, Path] = Field(default_factory=dict)
    sender_headers: bool = False
    services: dict[ServiceKey, RestServiceSettings] = Field(min_length=1)

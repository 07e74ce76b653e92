"""Sealway for people outside the operator: ask services, offer services, prove what was said.

Owns the public names listed in `__all__`. Nothing is imported until one of them is used, so that
`import sealway` costs next to nothing and a command line that needs no network loads none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealway.answers import Answer as Answer
    from sealway.answers import ExchangeState as ExchangeState
    from sealway.answers import Receipt as Receipt
    from sealway.async_client import AsyncClient as AsyncClient
    from sealway.async_client import AsyncExchange as AsyncExchange
    from sealway.client import Client as Client
    from sealway.client import Exchange as Exchange
    from sealway.errors import AnswerPending as AnswerPending
    from sealway.errors import BusUnavailable as BusUnavailable
    from sealway.errors import InboxMisused as InboxMisused
    from sealway.errors import ProfileInvalid as ProfileInvalid
    from sealway.errors import ProofFailed as ProofFailed
    from sealway.errors import Refused as Refused
    from sealway.errors import Rejected as Rejected
    from sealway.errors import SdkError as SdkError
    from sealway.inbox import Inbox as Inbox
    from sealway.parts import Attachment as Attachment
    from sealway.parts import Response as Response
    from sealway.profile import Profile as Profile
    from sealway.provider import Provider as Provider
    from sealway.provider import Reject as Reject
    from sealway.provider import Request as Request
    from sealway.push import PushProvider as PushProvider
    from sealway.push import PushReply as PushReply

_HOMES = {
    "Answer": "sealway.answers",
    "AnswerPending": "sealway.errors",
    "AsyncClient": "sealway.async_client",
    "AsyncExchange": "sealway.async_client",
    "Attachment": "sealway.parts",
    "BusUnavailable": "sealway.errors",
    "Client": "sealway.client",
    "Exchange": "sealway.client",
    "ExchangeState": "sealway.answers",
    "Inbox": "sealway.inbox",
    "InboxMisused": "sealway.errors",
    "Profile": "sealway.profile",
    "ProfileInvalid": "sealway.errors",
    "ProofFailed": "sealway.errors",
    "Provider": "sealway.provider",
    "PushProvider": "sealway.push",
    "PushReply": "sealway.push",
    "Receipt": "sealway.answers",
    "Refused": "sealway.errors",
    "Reject": "sealway.provider",
    "Rejected": "sealway.errors",
    "Request": "sealway.provider",
    "Response": "sealway.parts",
    "SdkError": "sealway.errors",
}

__all__ = [
    *sorted(_HOMES),
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sealway' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

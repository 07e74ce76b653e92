"""Calling a handler and making its answer: the same for questions from a mailbox and by push."""

from __future__ import annotations

from collections.abc import Sequence

from sealway.errors import ProofFailed, Refused
from sealway.requests import Handler, Reject, Request, parts_of
from sealway.serving import Serving


class HandlerFailed(Exception):
    """Where a handler raised, without what it said: that may be content."""


def said_by(handler: Handler, request: Request, told: Sequence[Refused] = ()) -> object:
    """What the handler returns for this request.

    ``told``: the bus's words on this very exchange, which pass through as they are.

    Raises:
        HandlerFailed: it raised.
        ProofFailed: the request's content was not what it claimed.
    """
    try:
        return handler(request)
    except ProofFailed:
        raise
    except Exception as error:
        if any(error is one for one in told):
            raise
        raise HandlerFailed(_place(error)) from None


def frame_of(serving: Serving, request: Request, said: object) -> bytes:
    """The frame of the signed answer that a handler's result becomes.

    Raises:
        HandlerFailed: it is nothing that can be sent.
    """
    if isinstance(said, Reject):
        return serving.rejection(request.message, said)
    try:
        return serving.response(request.message, parts_of(said))
    except Exception as error:
        raise HandlerFailed(_place(error)) from None


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"

"""Waiting for the end of an exchange while the client is there."""

import asyncio
from typing import Any

from exchange.api.asgi import ClientGone, Receive, client_gone
from exchange.api.context import Api
from exchange.api.preferences import long_poll
from exchange.delivery.waiting import Answer
from exchange.storage.rows import ExchangeState
from signing.identifiers import MessageId, message_id_bytes


async def wait_for_end(
    api: Api, id_: MessageId, caller: str, within_s: float, receive: Receive
) -> None:
    """Return when the exchange has ended or time ran out; read its state after this.

    ``receive`` is at the end of the request's body.

    Raises:
        RateExceeded: as many calls of ``caller`` wait already as may.
        ClientGone: the client hung up meanwhile.
    """
    waiter = api.waiting.register(id_)
    try:
        exchange = await api.reads.exchange(message_id_bytes(id_))
        if exchange is None or exchange.state is not ExchangeState.OPEN:
            return
        with long_poll(api, caller):
            await _first(waiter, within_s, receive)
    finally:
        api.waiting.leave(id_, waiter)
        waiter.cancel()


async def _first(
    waiter: "asyncio.Future[Answer | None]", within_s: float, receive: Receive
) -> None:
    gone = asyncio.ensure_future(client_gone(receive))
    try:
        either: set[asyncio.Future[Any]] = {waiter, gone}
        await asyncio.wait(either, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not waiter.done():
            raise ClientGone
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)

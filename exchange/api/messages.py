"""``POST /v1/messages``: take a message, and wait for its answer if asked to. Plain ASGI.

The envelope is checked before the body is read: a refused sender uploads nothing. A frame carries
its envelope first, so only that much of it is read before the checks.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exchange.acceptance.accept import Accepted, Refused
from exchange.acceptance.arrival import Arrival
from exchange.api.answers import answer_response, ended_response
from exchange.api.asgi import (
    ClientGone,
    Headers,
    Receive,
    Scope,
    Send,
    read_body,
    read_chunk,
    send,
    send_problem,
    trace_id_of,
)
from exchange.api.attempts import last_attempt
from exchange.api.context import Api
from exchange.api.deprecation import with_used
from exchange.api.errors import BodyTooLarge, ClientTooSlow, HeaderTooLarge
from exchange.api.preferences import accepts_delivery, long_poll, wait_s
from exchange.api.replies import Reply, json_reply
from exchange.api.states import last_interim
from exchange.delivery.waiting import Answer
from exchange.ledger.errors import NothingToCancel
from signing.encoding import b64url_decode
from signing.errors import EncodingInvalid, EnvelopeMalformed, FrameMalformed, SealwayError
from signing.identifiers import MessageId, message_id_bytes
from signing.jws import ENVELOPE_BYTES_MAX
from signing.manifest import Manifest
from signing.message import (
    FRAME_TYPE,
    SALT_BYTES,
    Parts,
    frame_size,
    parse_frame,
    parse_frame_head,
)

PATH: Final = "/v1/messages"
LENGTH_BYTES: Final = 8
ENVELOPE_HEADER_BYTES_MAX: Final = 6_144  # proxies and clients drop longer fields
HEAD_READ_BYTES: Final = LENGTH_BYTES + ENVELOPE_BYTES_MAX


class MessagesRoute:
    """The route; one for a bus."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Answer one call; a client that hangs up gets nothing and cancels nothing."""
        lines = scope["headers"]
        try:
            reply = await self._reply(Headers(lines), receive, lines)
        except ClientGone:
            return
        except NothingToCancel as over:
            await send(send_, *json_reply({"state": over.state}))
            return
        except (Refused, SealwayError) as error:
            instance = f"{PATH}/{error.message_id}" if isinstance(error, Refused) else None
            await send_problem(
                send_, self._api, error, trace_id=trace_id_of(lines), instance=instance
            )
            return
        await send(send_, *reply)

    async def _reply(
        self, headers: Headers, receive: Receive, lines: "list[tuple[bytes, bytes]]"
    ) -> Reply:
        arrived, head = await self._arrive(headers, receive)
        reply = await self._taken(arrived, head, headers, receive, lines)
        return with_used(reply, self._api.directory.current, arrived.envelope.manifest)

    async def _taken(
        self,
        arrived: Arrival | Accepted,
        head: "_Head | None",
        headers: Headers,
        receive: Receive,
        lines: "list[tuple[bytes, bytes]]",
    ) -> Reply:
        if isinstance(arrived, Accepted):
            return await self._conclude(arrived, headers, lines)
        parts = await self._parts(arrived, headers, receive, head)
        asked_s = wait_s(headers)
        if asked_s is None or arrived.envelope.manifest.kind != "request":
            return await self._receipted(await self._api.acceptance.take(arrived, parts))
        return await self._take_and_wait(arrived, parts, asked_s, headers, lines)

    async def _arrive(
        self, headers: Headers, receive: Receive
    ) -> "tuple[Arrival | Accepted, _Head | None]":
        if headers.media_type() == FRAME_TYPE:
            head = await _read_head(receive, self._api.limits.body_s_max)
            raw, _ = parse_frame_head(bytes(head.data))
            return await self._api.acceptance.arrive(raw), head
        raw_header = headers.get(b"sealway-envelope")
        if raw_header is None:
            raise EnvelopeMalformed(
                f"Send a frame as {FRAME_TYPE}, or the header Sealway-Envelope with one part."
            )
        if len(raw_header) > ENVELOPE_HEADER_BYTES_MAX:
            raise HeaderTooLarge(
                f"Sealway-Envelope has {len(raw_header)} bytes; at most "
                f"{ENVELOPE_HEADER_BYTES_MAX}. Send a frame as {FRAME_TYPE}."
            )
        return await self._api.acceptance.arrive(raw_header), None

    async def _parts(
        self, arrival: Arrival, headers: Headers, receive: Receive, head: "_Head | None"
    ) -> Parts:
        limits, manifest = self._api.limits, arrival.envelope.manifest
        if head is None:
            salt = _salt(headers)
            most = sum(spec.size for spec in manifest.parts)
            body = await read_body(
                receive, headers, min(most + 65_536, limits.body_bytes_max), limits.body_s_max
            )
            return Parts(salt, (body,) if manifest.parts else _none(body))
        most = frame_size(len(arrival.envelope.raw), [spec.size for spec in manifest.parts])
        frame = await _read_rest(receive, head, most, limits.body_s_max)
        return parse_frame(frame)[1]

    async def _receipted(self, accepted: Accepted) -> Reply:
        manifest = accepted.envelope.manifest
        document = {
            "id": manifest.id,
            "state": "open" if manifest.kind == "request" else "accepted",
            "receipt": await self._api.receipts.receipt(accepted.place),
        }
        if manifest.kind == "request" and accepted.again:
            exchange = await self._api.reads.exchange(message_id_bytes(manifest.id))
            document["state"] = exchange.state.value if exchange else "open"
        return json_reply(document, 202, [_location(manifest.id)])

    async def _conclude(
        self, accepted: Accepted, headers: Headers, lines: "list[tuple[bytes, bytes]]"
    ) -> Reply:
        """A message that was accepted before: its receipt, or its answer when asked to wait."""
        manifest, asked_s = accepted.envelope.manifest, wait_s(headers)
        if asked_s is None or manifest.kind != "request":
            return await self._receipted(accepted)
        waiter = self._api.waiting.register(manifest.id)
        try:
            return await self._wait(accepted, waiter, asked_s, headers, lines, look_first=True)
        finally:
            self._api.waiting.leave(manifest.id, waiter)

    async def _take_and_wait(
        self,
        arrival: Arrival,
        parts: Parts,
        asked_s: int,
        headers: Headers,
        lines: "list[tuple[bytes, bytes]]",
    ) -> Reply:
        id_ = arrival.envelope.manifest.id
        waiter = self._api.waiting.register(id_)
        try:
            accepted = await self._api.acceptance.take(arrival, parts)
            return await self._wait(
                accepted, waiter, asked_s, headers, lines, look_first=accepted.again
            )
        finally:
            self._api.waiting.leave(id_, waiter)

    async def _wait(
        self,
        accepted: Accepted,
        waiter: "asyncio.Future[Answer | None]",
        asked_s: int,
        headers: Headers,
        lines: "list[tuple[bytes, bytes]]",
        *,
        look_first: bool,
    ) -> Reply:
        manifest = accepted.envelope.manifest
        granted_s = int(min(asked_s, self._api.limits.wait_s_max))
        if look_first:
            ended = await self._ended(manifest, headers, lines, granted_s)
            if ended is not None:
                return ended
        with long_poll(self._api, manifest.sender):
            answer = await _first(waiter, granted_s)
        if answer is not None:
            return await self._hand_over(manifest.id, answer, headers, lines, granted_s)
        ended = await self._ended(manifest, headers, lines, granted_s)
        return ended if ended is not None else await self._not_yet(accepted, granted_s)

    async def _hand_over(
        self,
        request_id: MessageId,
        answer: Answer,
        headers: Headers,
        lines: "list[tuple[bytes, bytes]]",
        granted_s: int,
    ) -> Reply:
        await self._api.receipts.sealed(answer.place)
        return await answer_response(
            self._api,
            answer,
            request_id=request_id,
            accept_delivery=accepts_delivery(headers),
            trace_id=trace_id_of(lines) if answer.manifest.kind == "rejection" else "",
            waited_s=granted_s,
        )

    async def _ended(
        self,
        manifest: Manifest,
        headers: Headers,
        lines: "list[tuple[bytes, bytes]]",
        granted_s: int,
    ) -> Reply | None:
        exchange = await self._api.reads.exchange(message_id_bytes(manifest.id))
        if exchange is None:
            return None
        return await ended_response(
            self._api,
            exchange,
            request_id=manifest.id,
            accept_delivery=accepts_delivery(headers),
            trace_id=trace_id_of(lines),
            waited_s=granted_s,
        )

    async def _not_yet(self, accepted: Accepted, granted_s: int) -> Reply:
        id_ = accepted.envelope.manifest.id
        document: dict[str, Any] = {
            "id": id_,
            "state": "open",
            "receipt": await self._api.receipts.receipt(accepted.place),
        }
        steps = await self._api.reads.steps(message_id_bytes(id_))
        if (told := last_interim(steps)) is not None:
            document["interim"] = told
        attempt = last_attempt(steps)
        if attempt is not None:
            document["last_attempt"] = attempt
        applied = (b"preference-applied", b"wait=%d" % granted_s)
        return json_reply(document, 202, [_location(id_), applied])


async def _first(waiter: "asyncio.Future[Answer | None]", within_s: float) -> Answer | None:
    """The waiter's answer, or None when time ran out or somebody said to look."""
    handle = asyncio.get_running_loop().call_later(within_s, _give_up, waiter)
    try:
        return await waiter
    finally:
        handle.cancel()


def _give_up(waiter: "asyncio.Future[Answer | None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _location(id_: MessageId) -> tuple[bytes, bytes]:
    return b"location", f"{PATH}/{id_}".encode("ascii")


def _salt(headers: Headers) -> bytes:
    text = headers.get(b"sealway-salt")
    try:
        return b64url_decode(text or b"", SALT_BYTES)
    except EncodingInvalid as error:
        raise EnvelopeMalformed(
            "The header Sealway-Salt must hold the salt: 32 bytes in base64url."
        ) from error


def _none(body: bytes) -> tuple[bytes, ...]:
    if body:
        raise FrameMalformed("The manifest names no parts, so the body must be empty.")
    return ()


@dataclass(slots=True)
class _Head:
    """The beginning of a frame, and whether there is more of it."""

    data: bytearray
    more: bool


async def _read_head(receive: Receive, within_s: float) -> _Head:
    """The beginning of a frame: at least its whole envelope, or all there is."""
    head = _Head(bytearray(), True)
    await _read_on(receive, head, within_s, lambda: _head_bytes(head.data))
    return head


async def _read_on(
    receive: Receive, head: _Head, within_s: float, wanted: Callable[[], int]
) -> None:
    """Read until ``wanted()`` bytes are there, or all there is. Raises ClientTooSlow."""
    try:
        async with asyncio.timeout(within_s):
            while head.more and len(head.data) < wanted():
                chunk, head.more = await read_chunk(receive)
                head.data += chunk
    except TimeoutError as error:
        raise ClientTooSlow("The body did not arrive in time.") from error


def _head_bytes(data: bytearray) -> int:
    """How many bytes the envelope needs, as far as is known."""
    if len(data) < LENGTH_BYTES:
        return LENGTH_BYTES
    return min(LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "big"), HEAD_READ_BYTES)


async def _read_rest(receive: Receive, head: _Head, most: int, within_s: float) -> bytes:
    """The rest of a frame, whose length the manifest says."""
    if head.more:
        await _read_on(receive, head, within_s, lambda: most + 1)
    if len(head.data) > most:
        raise BodyTooLarge(f"The frame is longer than the {most} bytes its manifest promises.")
    return bytes(head.data)

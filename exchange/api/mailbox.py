"""``POST /v1/mailbox/lease`` and ``/confirm``: plain ASGI, for they are on every mailbox's path.

Owns the two calls' bodies and replies. Invariant: what is handed out carries its receipt, and a
call that waits lets go when its client does.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

import structlog
from pydantic import Field

from exchange.api.answers import delivery_form
from exchange.api.asgi import Headers, Receive, Scope, Send, client_gone, send
from exchange.api.auth import admit
from exchange.api.bodies import Body, read_model
from exchange.api.context import Api
from exchange.api.errors import RequestInvalid
from exchange.api.preferences import long_poll
from exchange.api.replies import json_reply
from exchange.delivery.mailbox import Leased, LeaseLost
from exchange.ledger.errors import LedgerError
from registry.access import check_standing
from signing.encoding import b64url_encode, format_time
from signing.errors import IdentifierInvalid
from signing.identifiers import ServiceCode, SystemId, parse_service_code
from signing.manifest import KINDS

log = structlog.get_logger()

LEASE_PATH: Final = "/v1/mailbox/lease"
CONFIRM_PATH: Final = "/v1/mailbox/confirm"
INLINE_BYTES_MAX: Final = 256 * 1024  # a larger delivery comes by link
REPLY_BYTES_MAX: Final = 8 * 1024 * 1024  # what all of a batch may add to one reply
_BOXED_KINDS: Final = frozenset({"request", "response", "rejection"})


class LeaseBody(Body):
    """What a system asks for; times in seconds. What it may not get it gets less of."""

    services: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    kinds: Annotated[list[str], Field(max_length=10)] | None = None
    deliveries_max: Annotated[int, Field(ge=1, le=100)] = 1
    wait_s: Annotated[float, Field(ge=0)] = 0
    lease_s: Annotated[int, Field(ge=1)] | None = None


class ConfirmBody(Body):
    """Lease tokens to end."""

    leases: Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1)]


class LeaseRoute:
    """Leases a batch, waiting for one if asked to."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, to: Send) -> None:
        """Answer one call; the outer router answers what it raises."""
        api, headers = self._api, Headers(scope["headers"])
        system = (await admit(api, headers, scope)).must_be_system()
        api.check_writable()
        check_standing(api.directory.current, system)
        body = await read_model(api, headers, receive, LeaseBody)
        leased = await self._leased(system, body, receive)
        await send(to, *json_reply({"deliveries": await self._lines(leased)}))

    async def _lines(self, leased: Sequence[Leased]) -> list[dict[str, Any]]:
        """What can be proven; the rest comes back with its next lease and holds up nobody.

        Raises:
            LedgerError: nothing of it can be proven now.
        """
        room, lines, unproven = REPLY_BYTES_MAX, [], None
        for one in leased:
            try:
                line, size = await self._line(one, room)
            except LedgerError as error:
                unproven = error
                log.warning("mailbox.unproven", id=one.message.manifest.id, code=error.code)
                continue
            room -= size
            lines.append(line)
        if unproven is not None and not lines:
            raise unproven
        return lines

    async def _leased(self, system: SystemId, body: LeaseBody, receive: Receive) -> list[Leased]:
        services, limits = _services(body), self._api.limits
        count = min(body.deliveries_max, limits.deliveries_max)
        lease_s = min(body.lease_s or limits.lease_s, limits.lease_s_max)
        wait_s = min(body.wait_s, limits.mailbox_wait_s_max)
        lease, kinds = self._api.mailbox.lease, _kinds(body)
        found = await lease(system, services, count, lease_s, 0, kinds)
        if found or not wait_s:
            return found
        with long_poll(self._api, system):
            return await _while_there(
                lease(system, services, count, lease_s, wait_s, kinds), receive
            )

    async def _line(self, leased: Leased, room: int) -> tuple[dict[str, Any], int]:
        """One delivery as the reply shows it, and what it takes of the reply's room."""
        manifest, row = leased.message.manifest, leased.row
        assert row.lease_until_ms is not None
        line: dict[str, Any] = {
            "lease": leased.token,
            "id": manifest.id,
            "kind": manifest.kind,
            "service": row.service,
            "attempt": row.attempt,
            "lease_until": format_time(row.lease_until_ms),
        }
        if leased.message.parts.size_bytes > min(INLINE_BYTES_MAX, room):
            return {**line, "href": f"/v1/messages/{manifest.id}/delivery"}, 0
        delivery = await delivery_form(self._api, leased.message)
        return {**line, "delivery": b64url_encode(delivery)}, len(delivery)


def _kinds(body: LeaseBody) -> list[str]:
    """The kinds of message to hand out; every kind where none is named."""
    if body.kinds is not None and not _BOXED_KINDS.intersection(body.kinds):
        offered = ", ".join(sorted(_BOXED_KINDS))
        raise RequestInvalid(f"Mailboxes hold these kinds: {offered}.", [("/kinds", "not held")])
    for at, kind in enumerate(body.kinds or ()):
        if kind not in KINDS:
            raise RequestInvalid("There is no such kind.", [(f"/kinds/{at}", "no such kind")])
    return sorted(_BOXED_KINDS.intersection(body.kinds or ()))


def _services(body: LeaseBody) -> list[ServiceCode]:
    services = []
    for at, text in enumerate(body.services):
        try:
            services.append(parse_service_code(text))
        except IdentifierInvalid as error:
            raise RequestInvalid(error.detail, [(f"/services/{at}", error.detail)]) from error
    return services


async def _while_there(lease: Any, receive: Receive) -> list[Leased]:
    """Lease while the client is there; one that hung up leases nothing any more."""
    work = asyncio.ensure_future(lease)
    gone = asyncio.ensure_future(client_gone(receive))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return []
        found: list[Leased] = work.result()
        return found
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


class ConfirmRoute:
    """Ends deliveries by their leases; repeating is harmless."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, to: Send) -> None:
        """Answer one call; the outer router answers what it raises."""
        api, headers = self._api, Headers(scope["headers"])
        system = (await admit(api, headers, scope)).must_be_system()
        api.check_writable()
        body = await read_model(api, headers, receive, ConfirmBody)
        if len(body.leases) > api.limits.deliveries_max:
            most = f"at most {api.limits.deliveries_max}"
            raise RequestInvalid(f"Confirm {most} leases in a call.", [("/leases", most)])
        results = await self._confirm(system, body.leases)
        await send(to, *json_reply({"results": results}))

    async def _confirm(self, system: SystemId, leases: Sequence[str]) -> list[dict[str, str]]:
        """All at once, so that they share a commit; a lost lease is a result, not an error."""
        outcomes = await asyncio.gather(
            *(self._api.mailbox.confirm(system, lease) for lease in leases), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, LeaseLost):
                raise outcome
        return [
            {"lease": lease, "state": "done"}
            if outcome is None
            else {"lease": lease, "code": LeaseLost.code}
            for lease, outcome in zip(leases, outcomes, strict=True)
        ]

"""Names to checked addresses.

Owns the look-up, the check of every address against the rule that listed the name, and a short
memory of the outcome. Refuses to hand out an address it has not checked.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

from adapters.egress.allow_list import AllowList, HostRule, parse_address
from adapters.errors import HostNotListed, ProviderUnreachable

Lookup = Callable[[str, int], Awaitable[tuple[str, ...]]]

_REMEMBERED_MAX = 1024


async def look_up(host: str, port: int) -> tuple[str, ...]:
    """The host's addresses as the operating system gives them, in its order.

    Raises:
        OSError: the name does not resolve.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))


class Resolver:
    """Resolves listed names; an address that the rule forbids is left out."""

    def __init__(self, allowed: AllowList, ttl_s: float, lookup: Lookup = look_up) -> None:
        self._allowed = allowed
        self._ttl_s = ttl_s
        self._lookup = lookup
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The checked addresses of a listed host; at least one.

        Raises:
            HostNotListed: not listed, or none of its addresses is of a kind the rule allows.
            ProviderUnreachable: the name does not resolve.
        """
        known = self._known.get((host, port))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        rule = self._allowed.rule_for(host, port)
        try:
            found = await self._lookup(host, port)
        except OSError as error:
            raise ProviderUnreachable(
                "The provider's host name does not resolve.", maybe_sent=False, host=host
            ) from error
        fit = tuple(address for address in found if _is_fit(rule, address))
        if not fit:
            raise HostNotListed(
                "The provider's host resolves to an address of a kind that is not allowed for it.",
                host=host,
                addresses=found,
            )
        if len(self._known) >= _REMEMBERED_MAX:
            self._known.clear()
        self._known[host, port] = (time.monotonic() + self._ttl_s, fit)
        return fit


def _is_fit(rule: HostRule, text: str) -> bool:
    address = parse_address(text)
    return address is not None and rule.allows(address)

"""The egress client: one object a process, shared by adapters, push and whoever else must call.

Owns the request's head and the choice of transport. Refuses methods that a provider's service
has no use for (HEAD and CONNECT among them), and headers that belong to the transport.

Invariant: nothing is sent before the origin was found on the operator's list.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from adapters.egress.allow_list import AllowList, HostRule
from adapters.egress.limits import EgressLimits
from adapters.egress.origin import Origin, is_target, split_url
from adapters.egress.plain_http import PlainPool
from adapters.egress.resolver import Lookup, Resolver, look_up
from adapters.egress.response import EgressResponse
from adapters.egress.tls_http import TlsClient, tls_context
from adapters.errors import ProviderMisbehaved

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_VALUE: Final = re.compile(r"[ -~\xa0-\xff]*\Z")
_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "te", "trailer", "accept-encoding", "expect"}
    | {"connection", "keep-alive", "upgrade", "proxy-authorization", "proxy-connection"}
)
_POOLS_MAX: Final = 1024
_ALWAYS: Final = (("User-Agent", "sealway"), ("Accept-Encoding", "identity"))
_ALWAYS_LINES: Final = "".join(f"{name}: {value}\r\n" for name, value in _ALWAYS)


def is_header(name: str, value: str) -> bool:
    """Whether a caller may send this header: a token, a value on one line, not the transport's."""
    return (
        _NAME.match(name) is not None
        and _VALUE.match(value) is not None
        and name.lower() not in _OWN_HEADERS
    )


class Egress:
    """Calls listed hosts. Made and used inside one running event loop, and closed there."""

    def __init__(
        self,
        hosts: Iterable[str | HostRule],
        limits: EgressLimits | None = None,
        *,
        ca_file: Path | None = None,
        lookup: Lookup = look_up,
    ) -> None:
        """``hosts`` are rules as in ``allow_list``; ``ca_file`` replaces the system's authorities.

        Raises:
            AdapterSettingsInvalid: a rule or a ``ca_file`` that can't be read.
        """
        self.limits = limits or EgressLimits()
        self._allowed = AllowList(hosts)
        self._resolver = Resolver(self._allowed, self.limits.resolve_ttl_s, lookup)
        self._tls_context = None if ca_file is None else tls_context(ca_file)
        self._pools: dict[tuple[str, int], PlainPool] = {}
        self._tls: TlsClient | None = None

    def split(self, url: str) -> tuple[Origin, str]:
        """The listed origin of a URL, and its path with query.

        Raises:
            HostNotListed: not listed, or not a plain URL.
        """
        return split_url(url, self._allowed)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_s: float | None = None,
        response_bytes_max: int | None = None,
        repeatable: bool = False,
    ) -> EgressResponse:
        """``call`` for a URL that is used once."""
        origin, target = self.split(url)
        return await self.call(
            origin,
            method,
            target,
            headers=headers,
            body=body,
            timeout_s=timeout_s,
            response_bytes_max=response_bytes_max,
            repeatable=repeatable,
        )

    async def call(
        self,
        origin: Origin,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_s: float | None = None,
        response_bytes_max: int | None = None,
        repeatable: bool = False,
    ) -> EgressResponse:
        """One request and its whole response, whatever its status; redirects are not followed.

        Time and size are the lesser of the argument and the limits. ``repeatable`` says that the
        provider may get the request twice; GET, PUT and DELETE are so by themselves.

        Raises:
            HostNotListed: the host's name resolves to addresses it may not have.
            ProviderUnreachable: no connection, or closed before the response was whole.
            ProviderTimeout: not whole within the time limit.
            ProviderMisbehaved: not HTTP/1.1, too long, or compressed although asked not to.
        """
        _assert_sendable(method, target, headers)
        limits = self.limits
        time_s = limits.timeout_s if timeout_s is None else min(timeout_s, limits.timeout_s)
        bytes_max = limits.response_bytes_max
        if response_bytes_max is not None:
            bytes_max = min(response_bytes_max, bytes_max)
        if origin.scheme == "http":
            response = await self._pool(origin).send(
                _head(origin, method, target, headers, len(body)),
                body,
                timeout_s=time_s,
                body_bytes_max=bytes_max,
                repeatable=repeatable or method in _IDEMPOTENT,
            )
        else:
            response = await self._tls_client().send(
                origin,
                method,
                target,
                (*_ALWAYS, *headers),
                body,
                timeout_s=time_s,
                body_bytes_max=bytes_max,
            )
        _check_coding(response)
        return response

    def _pool(self, origin: Origin) -> PlainPool:
        host, port = origin.host, origin.port
        pool = self._pools.get((host, port))
        if pool is not None:
            return pool
        if len(self._pools) >= _POOLS_MAX:  # wildcards could list without end
            self._pools.pop(next(iter(self._pools))).close()

        async def addresses() -> tuple[str, ...]:
            if origin.address is not None:
                return (host,)
            return await self._resolver.addresses(host, port)

        pool = self._pools[host, port] = PlainPool(port, addresses, self.limits)
        return pool

    def _tls_client(self) -> TlsClient:
        if self._tls is None:
            context = self._tls_context or tls_context(None)
            self._tls = TlsClient(self._resolver, self.limits, context)
        return self._tls

    async def close(self) -> None:
        """Close every idle connection and the session; a later call opens new ones."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        tls, self._tls = self._tls, None
        if tls is not None:
            await tls.close()


def _assert_sendable(method: str, target: str, headers: Sequence[tuple[str, str]]) -> None:
    """Stop a caller's mistake before it is on the wire, under ``python -O`` too."""
    if method not in METHODS or not is_target(target):
        raise AssertionError("a method from METHODS, and a target built from encoded pieces")
    for name, value in headers:
        if not is_header(name, value):
            raise AssertionError("a header is checked with is_header before it gets here")


def _head(
    origin: Origin, method: str, target: str, headers: Sequence[tuple[str, str]], length: int
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {origin.host_header}\r\n{_ALWAYS_LINES}"]
    for name, value in headers:
        lines.append(f"{name}: {value}\r\n")
    if length or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {length}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1")


def _check_coding(response: EgressResponse) -> None:
    for name, value in response.headers:
        if len(name) == 16 and name.lower() == b"content-encoding" and value.lower() != b"identity":
            raise ProviderMisbehaved("The provider compressed its answer, which nobody asked for.")

"""HTTP over TLS, by aiohttp: certificates and names are checked, always.

Owns the one shared session. Refuses redirects, cookies, proxies, decompression and plain ``http``.

Invariant: aiohttp connects only to addresses that ``Resolver`` checked (or to a literal address
that a rule lists); it keeps no memory of names of its own.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from adapters.egress.limits import EgressLimits
from adapters.egress.origin import Origin
from adapters.egress.resolver import Resolver
from adapters.egress.response import EgressResponse
from adapters.errors import (
    AdapterSettingsInvalid,
    AttemptFailed,
    ProviderMisbehaved,
    ProviderTimeout,
    ProviderUnreachable,
)


class _CheckedAddresses(AbstractResolver):
    """What aiohttp asks for addresses."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.addresses(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that checks certificates against the system's authorities, or ``ca_file`` alone.

    Raises:
        AdapterSettingsInvalid: the file is not there or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:  # ssl.SSLError is one
        raise AdapterSettingsInvalid(f"No certificates could be read from {ca_file}.") from error


class TlsClient:
    """One session for every ``https`` origin."""

    def __init__(self, resolver: Resolver, limits: EgressLimits, context: ssl.SSLContext) -> None:
        self._limits = limits
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_CheckedAddresses(resolver),
                use_dns_cache=False,
                ssl=context,
                limit=0,
                limit_per_host=limits.connections_per_host_max,
                keepalive_timeout=limits.keepalive_s,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=8190,
            max_field_size=limits.header_bytes_max,
        )

    async def send(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        timeout_s: float,
        body_bytes_max: int,
    ) -> EgressResponse:
        """One call within ``timeout_s``; aiohttp itself repeats an idempotent one once when a kept
        connection turns out to be closed.

        Raises:
            ProviderUnreachable, ProviderTimeout, ProviderMisbehaved: as their names say.
        """
        try:
            async with self._session.request(
                method,
                URL(origin.base + target, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=timeout_s, sock_connect=self._limits.connect_timeout_s
                ),
            ) as response:
                self._check_headers(response)
                return EgressResponse(
                    response.status,
                    response.raw_headers,
                    await _read_body(response, body_bytes_max),
                )
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise _attempt_error(error) from error

    def _check_headers(self, response: aiohttp.ClientResponse) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
        if size > self._limits.header_bytes_max:
            raise ProviderMisbehaved("The provider's response headers are too long.")

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


async def _read_body(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    length = response.content_length
    if length is not None and length > bytes_max:
        raise ProviderMisbehaved("The provider's answer is longer than allowed.")
    chunks, total = [], 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        if total > bytes_max:
            raise ProviderMisbehaved("The provider's answer is longer than allowed.")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _attempt_error(error: Exception) -> AttemptFailed:
    if isinstance(error, aiohttp.ServerTimeoutError) and isinstance(
        error, aiohttp.ConnectionTimeoutError
    ):
        return ProviderUnreachable("The provider's server takes no connection.", maybe_sent=False)
    if isinstance(error, TimeoutError):
        return ProviderTimeout("The provider's server did not answer in time.")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return ProviderUnreachable(
            "The provider's server has no certificate that we trust.", maybe_sent=False
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return ProviderUnreachable("The provider's server takes no connection.", maybe_sent=False)
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientOSError):
        return ProviderUnreachable("The provider's server closed amid its answer.")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return ProviderUnreachable("The provider's server closed the connection.")
    return ProviderMisbehaved("The provider's server broke HTTP/1.1.")

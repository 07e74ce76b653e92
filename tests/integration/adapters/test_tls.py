"""Calls over TLS: certificates and names are checked, and the same limits hold."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.egress import Egress, EgressLimits
from adapters.errors import (
    AdapterSettingsInvalid,
    HostNotListed,
    ProviderMisbehaved,
    ProviderTimeout,
    ProviderUnreachable,
)

LIMITS = EgressLimits(timeout_s=3.0, response_bytes_max=1000, header_bytes_max=2000)


def write_certificate(folder: Path) -> Path:
    """A self-signed certificate for civil.internal and 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "civil.internal")])
    names = [x509.DNSName("civil.internal"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(certificate.public_bytes(pem) + private)
    return file


class TlsServer:
    """Gives one reply to every request."""

    def __init__(self, certificate: Path) -> None:
        self.certificate = certificate
        self.reply = b""
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.reply)
            await writer.drain()
            if self.reply:
                writer.close()
                await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            writer.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TlsServer]:
    made = TlsServer(write_certificate(tmp_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()
    await listening.wait_closed()


async def inside(host: str, port: int) -> tuple[str, ...]:
    return ("127.0.0.1",)


async def fetch(
    server: TlsServer, rule: str, host: str, ca_file: Path | None, **more: float
) -> bytes:
    egress = Egress([f"{rule.format(server.port)}"], LIMITS, ca_file=ca_file, lookup=inside)
    try:
        response = await egress.request("GET", f"https://{host}:{server.port}/a?b=%2F", **more)  # type: ignore[arg-type]
        return response.body
    finally:
        await egress.close()
        await asyncio.sleep(0.02)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def test_calls_a_server_whose_certificate_is_trusted(server: TlsServer) -> None:
    server.reply = OK
    assert await fetch(server, "127.0.0.1:{}", "127.0.0.1", server.certificate) == b"ok"
    head = server.requests[0].decode()
    assert head.startswith("GET /a?b=%2F HTTP/1.1\r\n")
    assert "User-Agent: sealway" in head
    assert "Accept-Encoding: identity" in head


async def test_a_name_goes_through_the_checked_resolver(server: TlsServer) -> None:
    server.reply = OK
    got = await fetch(server, "civil.internal:{} private", "civil.internal", server.certificate)
    assert got == b"ok"


async def test_a_public_name_that_resolves_inside_gets_no_connection(server: TlsServer) -> None:
    with pytest.raises(HostNotListed):
        await fetch(server, "civil.internal:{}", "civil.internal", server.certificate)
    assert server.requests == []


async def test_refuses_a_certificate_that_nobody_vouches_for(server: TlsServer) -> None:
    with pytest.raises(ProviderUnreachable) as caught:
        await fetch(server, "127.0.0.1:{}", "127.0.0.1", None)
    assert not caught.value.maybe_sent
    assert server.requests == []


async def test_refuses_a_certificate_for_another_name(server: TlsServer) -> None:
    with pytest.raises(ProviderUnreachable):
        await fetch(server, "other.internal:{} private", "other.internal", server.certificate)
    assert server.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 3000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"rubbish\r\n\r\n",
    ],
)
async def test_a_response_beyond_limits_or_grammar_misbehaves(
    server: TlsServer, reply: bytes
) -> None:
    server.reply = reply
    with pytest.raises(ProviderMisbehaved):
        await fetch(server, "127.0.0.1:{}", "127.0.0.1", server.certificate)


async def test_follows_no_redirect(server: TlsServer) -> None:
    server.reply = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nno"
    assert await fetch(server, "127.0.0.1:{}", "127.0.0.1", server.certificate) == b"no"
    assert len(server.requests) == 1


async def test_an_answer_that_never_comes_times_out(server: TlsServer) -> None:
    with pytest.raises(ProviderTimeout):
        await fetch(server, "127.0.0.1:{}", "127.0.0.1", server.certificate, timeout_s=0.3)


async def test_a_cut_body_is_unreachable(server: TlsServer) -> None:
    server.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    with pytest.raises(ProviderUnreachable):
        await fetch(server, "127.0.0.1:{}", "127.0.0.1", server.certificate)


def test_a_file_without_certificates_is_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(AdapterSettingsInvalid, match=r"nowhere\.pem"):
        Egress([], ca_file=tmp_path / "nowhere.pem")

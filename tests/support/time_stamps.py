"""A small time-stamp authority (RFC 3161): its root, its answers, and the mistakes it can make."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "1.3.6.1.4.1.99999.1"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    """One authority; what is set here it does to each answer."""

    accuracy_ms: int | None = 500
    late_ms: int = 0
    """How far its clock is ahead."""
    nonce: int | None = None
    """Answers this one instead of what it was asked with."""
    status: str = "granted"
    is_away: bool = False
    asked: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = (
            _builder(_name("A root"), _name("A root"), root_key.public_key(), now)
            .add_extension(x509.BasicConstraints(True, 0), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False)
            .add_extension(_usage(certificates=True), True)
            .sign(root_key, hashes.SHA256())
        )
        self._certificate = (
            _builder(_name("An authority"), _name("A root"), self._key.public_key(), now)
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
            )
            .add_extension(_usage(certificates=False), True)
            .sign(root_key, hashes.SHA256())
        )

    @property
    def root_pem(self) -> bytes:
        """The root, as an operator and an auditor are given it."""
        return self.root.public_bytes(Encoding.PEM)

    def answer(self, query: bytes) -> bytes:
        """The response to a request."""
        self.asked.append(query)
        if self.status != "granted":
            return bytes.fromhex("30053003020102")  # status: rejection, and no token
        request = tsp.TimeStampReq.load(query)
        return bytes(
            tsp.TimeStampResp(
                {"status": {"status": "granted"}, "time_stamp_token": self._token(request)}
            ).dump()
        )

    def _token(self, request: Any) -> Any:
        now = datetime.now(UTC).replace(microsecond=0) + timedelta(milliseconds=self.late_ms)
        info: dict[str, Any] = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": request["message_imprint"],
            "serial_number": secrets.randbits(63),
            "gen_time": now,
            "nonce": self.nonce or request["nonce"].native,
        }
        if self.accuracy_ms is not None:
            seconds, millis = divmod(self.accuracy_ms, 1000)
            info["accuracy"] = {k: v for k, v in (("seconds", seconds), ("millis", millis)) if v}
        return self._signed(tsp.TSTInfo(info).dump())

    def _signed(self, content: bytes) -> Any:
        der = self._certificate.public_bytes(Encoding.DER)
        certificate = asn1_x509.Certificate.load(der)
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "message_digest", "values": [_sha256(content)]}),
                cms.CMSAttribute(
                    {
                        "type": "signing_certificate_v2",
                        "values": [{"certs": [{"cert_hash": _sha256(der)}]}],
                    }
                ),
            ]
        )
        signature = self._key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.IssuerAndSerialNumber(
                    {
                        "issuer": certificate.issuer,
                        "serial_number": certificate.serial_number,
                    }
                ),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signature": signature,
            }
        )
        encapsulated = {"content_type": "tst_info", "content": core.ParsableOctetString(content)}
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": encapsulated,
                "certificates": [certificate],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": signed})


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, now: datetime) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=10))
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


@asynccontextmanager
async def served(authority: Authority) -> AsyncIterator[str]:
    """The authority over HTTP, in this loop; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            query = await reader.readexactly(length)
            reply = b"" if authority.is_away else authority.answer(query)
            status = b"503 Away" if authority.is_away else b"200 OK"
            writer.write(
                b"HTTP/1.1 %s\r\ncontent-type: application/timestamp-reply\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(reply), reply)
            )
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/tsa"
    finally:
        server.close()
        await server.wait_closed()

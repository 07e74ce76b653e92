"""AS2 as a peer: one signed and encrypted message with its signed receipt, by pyas2lib.

    python -m benchmarks.peers.as2 --seconds 2

What such an exchange costs in CPU at both ends together: build the message, read it, make the
receipt (MDN), read that. No HTTP, no disk and no answer of a service: the least an AS2 partner
pays. AES-256 and SHA-256 with RSA-2048, as operators of AS2 networks ask for.
"""

import argparse
import contextlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from benchmarks.bodies import request_body


@contextlib.contextmanager
def _two_digits() -> Iterator[None]:
    """Let oscrypto 1.3 read an OpenSSL whose third number has two digits; it refuses 3.0.10 on."""
    search = re.search

    def patient(pattern: Any, text: Any, flags: Any = 0) -> Any:
        if pattern == r"\b(\d\.\d\.\d[a-z]*)\b":
            pattern = r"\b(\d+\.\d+\.\d+[a-z]*)\b"
        return search(pattern, text, flags)

    re.search = patient  # type: ignore[assignment]
    try:
        yield
    finally:
        re.search = search


with _two_digits():
    from pyas2lib import Mdn, Message, Organization, Partner

KEY_BITS: Final = 2_048
PASSWORD: Final = "benchmark"


def _pair(name: str) -> tuple[bytes, bytes]:
    """A key in PKCS#12, as the library wants it, and its certificate in PEM."""
    key = rsa.generate_private_key(65_537, KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    sealed = pkcs12.serialize_key_and_certificates(
        name.encode(),
        key,
        certificate,
        None,
        serialization.BestAvailableEncryption(PASSWORD.encode()),
    )
    return sealed, certificate.public_bytes(serialization.Encoding.PEM)


class Link:
    """Two partners who know each other."""

    def __init__(self) -> None:
        ours, our_certificate = _pair("benefits")
        theirs, their_certificate = _pair("decisions")
        self._us = _organization("benefits", ours)
        self._them = _organization("decisions", theirs)
        self._we_as_partner = _partner("benefits", our_certificate)
        self._they_as_partner = _partner("decisions", their_certificate)

    def exchange(self, body: bytes) -> str:
        """One message there and its receipt back; the receipt's word: `processed`."""
        sent = Message(self._us, self._they_as_partner)
        sent.build(body, subject="claim", content_type="application/json")
        got = Message()
        status, (error, _), receipt = got.parse(
            sent.headers_str + sent.content,
            find_org_cb=lambda _: self._them,
            find_partner_cb=lambda _: self._we_as_partner,
        )
        assert status == "processed", error
        assert receipt is not None
        read = Mdn()
        status, _ = read.parse(receipt.headers_str + receipt.content, lambda *_: sent)
        return str(status)


def _organization(name: str, key: bytes) -> Any:
    return Organization(
        as2_name=name,
        sign_key=key,
        sign_key_pass=PASSWORD,
        decrypt_key=key,
        decrypt_key_pass=PASSWORD,
    )


def _partner(name: str, certificate: bytes) -> Any:
    return Partner(
        as2_name=name,
        verify_cert=certificate,
        encrypt_cert=certificate,
        validate_certs=False,
        sign=True,
        digest_alg="sha256",
        encrypt=True,
        enc_alg="aes_256_cbc",
        mdn_mode="SYNC",
        mdn_digest_alg="sha256",
    )


def measure(seconds: float) -> dict[str, Any]:
    """µs of CPU for one message with its receipt."""
    link, count = Link(), 0
    link.exchange(request_body(0))
    began_s = time.process_time()
    while time.process_time() - began_s < seconds:
        assert link.exchange(request_body(count)) == "processed"
        count += 1
    return {"count": count, "cpu_us": (time.process_time() - began_s) / count * 1e6}


def main() -> None:
    """Print the figure as a line of JSON."""
    parser = argparse.ArgumentParser(description="CPU of an AS2 message with its receipt")
    parser.add_argument("--seconds", type=float, default=2.0)
    print(json.dumps(measure(parser.parse_args().seconds)))


if __name__ == "__main__":
    main()

"""Proof that a new certificate's key is held, as `POST /v1/certificates` takes it."""

from __future__ import annotations

from typing import Final

from sealway.credentials import check_belongs
from signing.certificates import ParsedCertificate
from signing.csr import pem_to_csr
from signing.encoding import b64url_encode
from signing.keys import LocalSigner, load_private_key
from signing.tokens import Call, sign_token

PATH: Final = "/v1/certificates"


def token_proof(
    bus: str, url: str, system: str, key_pem: bytes, certificate: ParsedCertificate, now_ms: int
) -> str:
    """A token that the new key signs: for this bus, this system, this minute.

    Raises:
        SealwayError: no private key.
        ProfileInvalid: not the certificate's.
    """
    signer = LocalSigner(load_private_key(key_pem), certificate.x5t)
    check_belongs(signer, certificate)
    return sign_token(Call(bus, "POST", url.rstrip("/") + PATH), system, signer, now_ms // 1000)


def csr_proof(data: bytes) -> str:
    """A certificate request, PEM or DER, as the proof. Raises CertificateInvalid."""
    der = pem_to_csr(data) if data.lstrip().startswith(b"-----BEGIN") else data
    return b64url_encode(der)

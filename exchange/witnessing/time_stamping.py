"""Issuing time-stamps (RFC 3161), for sandboxes and tests: a small authority of our own.

Owns the token: TSTInfo in a CMS SignedData with the certificate that the request asked for. Refuses
to be anybody's trusted third party: whoever runs a bus holds this key, so its word is the bus's.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signing.encoding import sha256
from signing.errors import ProofInvalid

POLICY: Final = "1.3.6.1.4.1.99999.1"
ACCURACY_MS: Final = 1_000
"""Times are told in whole seconds, rounded down."""
REQUEST_BYTES_MAX: Final = 2_048
REJECTED: Final = bytes.fromhex("30053003020102")  # PKIStatus rejection, and no token


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an authority signs with, and the root that its certificate leads to."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a time-stamp, as far as it is answered: an imprint in SHA-256, a nonce."""

    imprint: Any
    nonce: int | None


def new_credentials(name: str, not_before_ms: int, not_after_ms: int) -> Credentials:
    """A key, its certificate and the root that issued it; the root's own key is not kept."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    times = (_moment(not_before_ms), _moment(not_after_ms))
    issuer = f"{name} root"
    root = (
        _builder(issuer, issuer, root_key.public_key(), *times)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False)
        .add_extension(_usage(certificates=True), True)
        .sign(root_key, hashes.SHA256())
    )
    certificate = (
        _builder(name, issuer, key.public_key(), *times)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
        .add_extension(_usage(certificates=False), True)
        .sign(root_key, hashes.SHA256())
    )
    return Credentials(key, certificate, root)


def parse_request(query: bytes) -> Asked:
    """What a request asks for.

    Raises:
        ProofInvalid: too long, malformed, another hash than SHA-256 or another policy than ours.
    """
    if len(query) > REQUEST_BYTES_MAX:
        raise ProofInvalid(f"A request for a time-stamp has at most {REQUEST_BYTES_MAX} bytes.")
    try:
        request = tsp.TimeStampReq.load(query, strict=True)
        imprint = request["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        digest, policy = imprint["hashed_message"].native, request["req_policy"].native
        nonce = request["nonce"].native
    except (ValueError, TypeError, KeyError) as error:
        raise ProofInvalid("Not a request for a time-stamp (RFC 3161, 2.4.1).") from error
    if algorithm != "sha256" or len(digest) != 32 or policy not in (None, POLICY):
        raise ProofInvalid("Ask with an imprint in SHA-256, and for no other policy.")
    return Asked(imprint, nonce)


def issue(
    asked: Asked,
    credentials: Credentials,
    at_ms: int,
    *,
    serial: int | None = None,
    accuracy_ms: int | None = ACCURACY_MS,
) -> bytes:
    """The response that grants a time-stamp, in DER; ``at_ms`` is told in whole seconds."""
    info: dict[str, Any] = {
        "version": "v1",
        "policy": POLICY,
        "message_imprint": asked.imprint,
        "serial_number": secrets.randbits(63) if serial is None else serial,
        "gen_time": _moment(at_ms).replace(microsecond=0),
    }
    if asked.nonce is not None:
        info["nonce"] = asked.nonce
    if accuracy_ms is not None:
        seconds, millis = divmod(accuracy_ms, 1000)
        info["accuracy"] = {k: v for k, v in (("seconds", seconds), ("millis", millis)) if v}
    token = _signed(tsp.TSTInfo(info).dump(), credentials)
    granted = {"status": {"status": "granted"}, "time_stamp_token": token}
    return bytes(tsp.TimeStampResp(granted).dump())


def _signed(content: bytes, credentials: Credentials) -> cms.ContentInfo:
    der = credentials.certificate.public_bytes(Encoding.DER)
    certificate = asn1_x509.Certificate.load(der)
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": name, "values": [value]})
            for name, value in (
                ("content_type", "tst_info"),
                ("message_digest", sha256(content)),
                ("signing_certificate_v2", {"certs": [{"cert_hash": sha256(der)}]}),
            )
        ]
    )
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.IssuerAndSerialNumber(
                {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
            ),
            "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "signed_attrs": attributes,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
            "signature": credentials.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
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


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)


def _builder(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePublicKey,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


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

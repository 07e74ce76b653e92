"""Certificates: development ones, parsing, thumbprints.

The directory is the authority on certificates; here is only what their bytes say. Chains are
checked when a certificate is added under a policy that names a CA, not here. The X.509 library is
imported by whoever first reads or makes a certificate, not with the SDK.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.utils import CryptographyDeprecationWarning

from signing.encoding import b64url_encode, sha256
from signing.errors import AlgorithmNotAllowed, EnvelopeMalformed
from signing.keys import PrivateKey, Thumbprint, Verifier, verifier_of

CERTIFICATE_BYTES_MAX = 16_384  # qualified certificates are 2–4 kB; this bounds the directory


class CertificateInvalid(EnvelopeMalformed):
    """Bytes that are not one X.509 certificate with a key we accept."""

    code = "request-invalid"


@dataclass(frozen=True, slots=True)
class ParsedCertificate:
    """What a certificate's bytes say; times in ms since 1970."""

    der: bytes
    x5t: Thumbprint
    alg: str
    verifier: Verifier
    not_before_ms: int
    not_after_ms: int
    subject: str


def thumbprint(der: bytes) -> Thumbprint:
    """``x5t#S256`` (RFC 7515 section 4.1.8) of a certificate's DER bytes."""
    return Thumbprint(b64url_encode(sha256(der)))


def parse_certificate(der: bytes) -> ParsedCertificate:
    """Read one DER certificate.

    Raises:
        CertificateInvalid: too long, or not a certificate.
        AlgorithmNotAllowed: its key is neither P-256 nor Ed25519.
    """
    from cryptography import x509

    if len(der) > CERTIFICATE_BYTES_MAX:
        raise CertificateInvalid(f"A certificate has at most {CERTIFICATE_BYTES_MAX} bytes.")
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        subject = certificate.subject.rfc4514_string()
        not_before_ms = _ms(certificate.not_valid_before_utc)
        not_after_ms = _ms(certificate.not_valid_after_utc)
    except UnsupportedAlgorithm as error:
        raise AlgorithmNotAllowed("The certificate's key is of an unknown kind.") from error
    except (ValueError, x509.InvalidVersion, CryptographyDeprecationWarning) as error:
        # The warning, where warnings are errors, says that a later library will not read it.
        raise CertificateInvalid("Expected one X.509 certificate in DER.") from error
    if certificate.serial_number <= 0:
        raise CertificateInvalid("A certificate's serial number is positive (RFC 5280).")
    verifier = verifier_of(key)
    return ParsedCertificate(
        der=der,
        x5t=thumbprint(der),
        alg=verifier.alg,
        verifier=verifier,
        not_before_ms=not_before_ms,
        not_after_ms=not_after_ms,
        subject=subject,
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def issue_self_signed(
    key: PrivateKey, common_name: str, not_before_ms: int, not_after_ms: int
) -> bytes:
    """A self-issued certificate in DER, for development and for the bus's own record key.

    It says whose key this claims to be; that it is so, the directory's ``trust`` record says.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(epoch + timedelta(seconds=not_before_ms // 1000))
        .not_valid_after(epoch + timedelta(seconds=not_after_ms // 1000))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def der_to_pem(der: bytes) -> bytes:
    """The same certificate in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def pem_to_der(pem: bytes) -> bytes:
    """The first certificate of a PEM file, in DER. Raises CertificateInvalid."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    except (ValueError, x509.InvalidVersion) as error:
        raise CertificateInvalid("Expected a certificate in PEM.") from error

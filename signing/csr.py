"""Certificate requests (PKCS #10, RFC 2986): made for a CA, and taken as proof that a key is held.

A request names its system as a URI in the subject's alternative names, so that a proof for one
system is none for another. It has no time: whoever can't sign at the moment of adding shows it.
"""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.certificates import CERTIFICATE_BYTES_MAX, CertificateInvalid, ParsedCertificate
from signing.keys import PrivateKey

URI_PREFIX = "sealway:"
COMMON_NAME_CHARS_MAX = 64  # X.520's upper bound


def make_csr(key: PrivateKey, system: str) -> bytes:
    """A request for a certificate of ``system``, in DER."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, system[:COMMON_NAME_CHARS_MAX])])
    uri = x509.UniformResourceIdentifier(URI_PREFIX + system)
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def csr_to_pem(der: bytes) -> bytes:
    """A request in PEM."""
    from cryptography import x509

    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)


def pem_to_csr(pem: bytes) -> bytes:
    """A request in DER, from PEM. Raises CertificateInvalid."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateInvalid("Expected a certificate request in PEM.") from error


def is_csr_for(der: bytes, certificate: ParsedCertificate, system: str) -> bool:
    """Whether a request is signed with the certificate's key and names this system."""
    from cryptography import x509

    if len(der) > CERTIFICATE_BYTES_MAX:
        return False
    try:
        csr = x509.load_der_x509_csr(der)
        holds = csr.is_signature_valid
        uris = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = uris.get_values_for_type(x509.UniformResourceIdentifier)
        public = x509.load_der_x509_certificate(certificate.der).public_key()
    except (ValueError, x509.ExtensionNotFound, UnsupportedAlgorithm):
        return False
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    same = csr.public_key().public_bytes(*form) == public.public_bytes(*form)
    return holds and same and named == [URI_PREFIX + system]

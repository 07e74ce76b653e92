"""Who issued members' certificates, in the auditor's eyes: authorities that the anchors name.

Owns one question: was this certificate issued by one of them, or is it one of them itself, and were
both valid then? Refuses to look for intermediates: a bundle's keys are candidates, so every
authority that issues is among the anchors. Revocation is the directory's.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from signing.errors import ProofInvalid

_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
Window = tuple[float, float]
"""From and to, in seconds since 1970, both inside."""


def load_authorities(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text. Raises ProofInvalid: none, or none that can be read."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ProofInvalid("The certification authorities can't be read.") from error


@dataclass(slots=True)
class Chains:
    """Judges certificates; each is worked out once, whatever it signed."""

    authorities: tuple[x509.Certificate, ...]
    _windows: dict[str, list[Window]] = field(default_factory=dict)

    def is_issued(self, x5t: str, der: bytes, at_ms: int) -> bool:
        """Whether an authority of the anchors vouches for the certificate at that time."""
        if x5t not in self._windows:
            self._windows[x5t] = self._found(der)
        return any(start <= at_ms / 1000 <= end for start, end in self._windows[x5t])

    def _found(self, der: bytes) -> list[Window]:
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            return []
        return [
            _both(certificate, one)
            for one in self.authorities
            if certificate == one or (_is_authority(one) and _issued(certificate, one))
        ]


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """RFC 5280 section 6.1.3 (a) 1 and 4: the signature, and the names."""
    try:
        hashed = certificate.signature_hash_algorithm  # None: the signature has its own
        if hashed is not None and not isinstance(hashed, _HASHES):
            return False
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(one: x509.Certificate) -> bool:
    """RFC 5280 section 6.1.4 (k) and (n): it may issue certificates."""
    try:
        if not one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        usage = one.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid
    except ValueError:
        return False
    return usage.key_cert_sign


def _both(one: x509.Certificate, other: x509.Certificate) -> Window:
    start = max(one.not_valid_before_utc, other.not_valid_before_utc)
    end = min(one.not_valid_after_utc, other.not_valid_after_utc)
    return start.timestamp(), end.timestamp()

"""Is the certificate in force, the manifest for this bus, and the sender who it says?"""

from exchange.acceptance.arrival import Arrival
from signing.envelope import check_in_force
from signing.errors import ManifestInvalid, SignatureInvalid


def check_certificate(arrival: Arrival) -> None:
    """Raises CertificateRevoked, CertificateExpired: asked only of who proved the key."""
    certificate = arrival.directory.resolve(arrival.envelope.certificate.x5t)
    check_in_force(certificate, arrival.now_ms)


def check_names(arrival: Arrival) -> None:
    """Raises ManifestInvalid for another bus, SignatureInvalid for somebody else's certificate."""
    manifest = arrival.envelope.manifest
    if manifest.bus != arrival.terms.bus:
        raise ManifestInvalid(f"The manifest is for another bus; this one is {arrival.terms.bus}.")
    if manifest.sender != arrival.envelope.certificate.system:
        raise SignatureInvalid("The certificate belongs to another system than 'from' names.")

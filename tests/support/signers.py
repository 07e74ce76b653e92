"""Systems with keys of their own, and a directory that knows them, for tests of what is signed."""

from dataclasses import dataclass, replace

from signing.certificates import issue_self_signed, parse_certificate
from signing.errors import CertificateUnknown
from signing.identifiers import SystemId
from signing.keys import ES256, KnownCertificate, LocalSigner, Thumbprint, generate_key

BENEFITS = SystemId("sx/GOV/1001/benefits")
REGISTRY = SystemId("sx/GOV/2002/civil-registry")
NOW_MS = 1_795_329_600_123
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Party:
    """A system that can sign, and what the directory knows of its certificate."""

    signer: LocalSigner
    known: KnownCertificate


def party(system: SystemId = BENEFITS, alg: str = ES256) -> Party:
    """A system with a fresh key, valid from a day before ``NOW_MS`` to a day after."""
    key = generate_key(alg)
    der = issue_self_signed(key, system, NOW_MS - DAY_MS, NOW_MS + DAY_MS)
    certificate = parse_certificate(der)
    known = KnownCertificate(
        certificate.x5t,
        system,
        certificate.verifier,
        certificate.not_before_ms,
        certificate.not_after_ms,
    )
    return Party(LocalSigner(key, certificate.x5t), known)


class KnownParties:
    """A directory of these parties and of nobody else."""

    def __init__(self, *parties: Party) -> None:
        self._known = {one.known.x5t: one.known for one in parties}

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        """The certificate of a thumbprint. Raises CertificateUnknown."""
        if x5t not in self._known:
            raise CertificateUnknown("Nobody registered this certificate.")
        return self._known[x5t]

    def revoke(self, x5t: Thumbprint) -> None:
        """Mark a certificate as revoked."""
        self._known[x5t] = replace(self._known[x5t], revoked=True)

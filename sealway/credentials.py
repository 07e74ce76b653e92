"""Who calls and who signs: from a profile's files to a signer, a token and a connection.

Owns reading keys. Invariant: a `Identity` in hand holds a key and a certificate that belong
together; a mix-up is found when the profile is loaded, not when the bus refuses.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from sealway.connection import Connection, SleepingClock, SystemClock
from sealway.errors import ProfileInvalid
from sealway.profile import Profile
from sealway.steps import Clock
from signing.certificates import ParsedCertificate, parse_certificate, pem_to_der
from signing.errors import SealwayError
from signing.identifiers import SystemId, parse_system_id
from signing.keys import KnownCertificate, LocalSigner, Signer, load_private_key
from signing.tokens import Call as TokenCall
from signing.tokens import sign_token

_PEM_START = b"-----"


@dataclass(frozen=True, slots=True)
class Identity:
    """A system on a bus: its name, what signs for it, its own certificate."""

    bus: str
    system: SystemId
    signer: Signer
    certificate: KnownCertificate


class SystemCredentials:
    """Signs a token for each call, good for a minute."""

    def __init__(self, identity: Identity, clock: Clock) -> None:
        self._identity = identity
        self._clock = clock

    def authorization(self, method: str, url: str) -> str:
        """`Bearer` and a fresh token for this method and URL."""
        call = TokenCall(self._identity.bus, method, url)
        now_s = self._clock.now_ms() // 1000
        token = sign_token(call, self._identity.system, self._identity.signer, now_s)
        return f"Bearer {token}"


class PersonCredentials:
    """Shows a person's token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def authorization(self, method: str, url: str) -> str:
        """`Bearer` and the token, whatever the call."""
        return f"Bearer {self._token}"


def identity_of(profile: Profile) -> Identity:
    """The system that a profile acts for.

    Raises:
        ProfileInvalid: the profile is a person's; a file is missing or no key or certificate;
            key and certificate don't belong together.
    """
    if profile.system is None:
        raise ProfileInvalid(
            f"Profile {profile.name!r} is a person's; only a system's can sign messages."
        )
    try:
        system = parse_system_id(profile.system)
        key = load_private_key(profile.read_key())
        certificate = read_certificate(profile.read_certificate())
        signer = LocalSigner(key, certificate.x5t)
        check_belongs(signer, certificate)
    except ProfileInvalid:
        raise
    except SealwayError as error:
        raise ProfileInvalid(
            f"Key and certificate of profile {profile.name!r} can't be used: {error.detail}"
        ) from error
    known = KnownCertificate(
        certificate.x5t,
        system,
        certificate.verifier,
        certificate.not_before_ms,
        certificate.not_after_ms,
    )
    return Identity(profile.bus, system, signer, known)


def check_belongs(signer: Signer, certificate: ParsedCertificate) -> None:
    """Whether what signs is what the certificate certifies. Raises ProfileInvalid."""
    try:
        certificate.verifier.verify(signer.sign(b"sealway"), b"sealway")
    except SealwayError as error:
        raise ProfileInvalid(
            "The private key is not the one that the certificate is for."
        ) from error


def read_certificate(data: bytes) -> ParsedCertificate:
    """A certificate from a file's bytes, PEM or DER.

    Raises:
        CertificateInvalid: neither.
        AlgorithmNotAllowed: its key is of another sort than those accepted.
    """
    return parse_certificate(pem_to_der(data) if data.lstrip().startswith(_PEM_START) else data)


def connect(
    profile: Profile,
    *,
    clock: SleepingClock | None = None,
    transport: httpx.BaseTransport | None = None,
) -> Connection:
    """A connection that calls as the profile's person, or else as its system.

    Raises:
        ProfileInvalid: the token or the key cannot be read.
    """
    clock = clock or SystemClock()
    if profile.token is not None:
        credentials: PersonCredentials | SystemCredentials = PersonCredentials(profile.read_token())
    else:
        credentials = SystemCredentials(identity_of(profile), clock)
    return Connection(profile.url, credentials, clock=clock, transport=transport)

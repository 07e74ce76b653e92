"""The bearer token a system signs itself for a call that carries no envelope (wire.md, *HTTP*).

Claims: ``iss aud iat exp jti htm htu``. Lives at most a minute, names one method and one URL.
"""

import json
from dataclasses import dataclass

from signing.encoding import b64url_encode, format_time
from signing.errors import SigningError, TokenInvalid
from signing.jws import AUTH, Envelope, decode_jws, sign_jws, verify_jws
from signing.keys import KeyResolver, KnownCertificate, Signer
from signing.randomness import random_bytes
from signing.strict_json import parse_json

TOKEN_LIFE_S_MAX = 60  # long enough for a retry, short enough to be worthless when it leaks
CLOCK_SKEW_S_MAX = 5  # ordinary NTP drift between two machines
_CLAIMS = frozenset({"iss", "aud", "iat", "exp", "jti", "htm", "htu"})


@dataclass(frozen=True, slots=True)
class Call:
    """The call a token is for: the bus it is meant for, method, and URL without query."""

    bus: str
    method: str
    url: str


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that holds for one call."""

    certificate: KnownCertificate
    jti: str
    expires_s: int


def sign_token(call: Call, issuer: str, signer: Signer, now_s: int) -> str:
    """A token for ``call`` by ``issuer``, good for a minute from ``now_s``."""
    claims = {
        "iss": issuer,
        "aud": call.bus,
        "iat": now_s,
        "exp": now_s + TOKEN_LIFE_S_MAX,
        "jti": b64url_encode(random_bytes(16)),
        "htm": call.method,
        "htu": call.url,
    }
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return sign_jws(payload, signer, AUTH, now_s).decode("ascii")


def verify_token(text: str, call: Call, resolver: KeyResolver, now_s: int) -> VerifiedToken:
    """Check a token for one call.

    Says nothing about the certificate's validity: ask ``check_in_force`` after this.

    Raises:
        TokenInvalid: malformed, expired or too far ahead, for another bus, method or URL, or not
            signed by the system it names.
    """
    try:
        envelope = decode_jws(text.encode("ascii", "replace"), AUTH)
        certificate = verify_jws(envelope, resolver)
        claims = _claims(envelope)
    except SigningError as error:
        raise TokenInvalid(f"The bearer token does not hold: {error.detail}") from error
    _check_call(claims, call, certificate)
    _check_time(claims, envelope.iat_s, now_s)
    return VerifiedToken(certificate, str(claims["jti"]), int(claims["exp"]))


def _claims(envelope: Envelope) -> dict[str, str | int]:
    claims = parse_json(envelope.payload, depth_max=1, bytes_max=4096)
    if type(claims) is not dict or claims.keys() != _CLAIMS:
        raise TokenInvalid("it must have exactly the claims " + ", ".join(sorted(_CLAIMS)) + ".")
    if type(claims["exp"]) is not int or type(claims["iat"]) is not int:
        raise TokenInvalid("iat and exp are whole seconds.")
    if type(claims["jti"]) is not str or not 8 <= len(claims["jti"]) <= 64:
        raise TokenInvalid("jti is a string of 8 to 64 characters.")
    return claims


def _check_call(claims: dict[str, str | int], call: Call, certificate: KnownCertificate) -> None:
    if claims["aud"] != call.bus:
        raise TokenInvalid("The bearer token is for another bus.")
    if claims["iss"] != certificate.system:
        raise TokenInvalid("The bearer token's iss is not the system its certificate belongs to.")
    if claims["htm"] != call.method or claims["htu"] != call.url:
        raise TokenInvalid(f"The bearer token is for another call; sign {call.method} {call.url}.")


def _check_time(claims: dict[str, str | int], header_iat_s: int, now_s: int) -> None:
    issued, expires = claims["iat"], claims["exp"]
    assert isinstance(issued, int)
    assert isinstance(expires, int)
    if issued != header_iat_s or not 0 < expires - issued <= TOKEN_LIFE_S_MAX:
        raise TokenInvalid(f"The bearer token may live at most {TOKEN_LIFE_S_MAX} seconds.")
    if issued > now_s + CLOCK_SKEW_S_MAX or expires < now_s - CLOCK_SKEW_S_MAX:
        now = format_time(now_s * 1000)
        raise TokenInvalid(f"The bearer token is out of time; the bus's clock says {now}.")

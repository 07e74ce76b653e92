"""Proof that whoever adds a certificate holds its key.

Either a token as systems sign them for calls (`signing.tokens`), under the new certificate, for
``POST /v1/certificates`` of this bus: good for a minute; or a certificate request that names the
system (`signing.csr`), for keys that can't sign at that moment. Both name the system, so that a
proof shown for one is none for another.
"""

from collections.abc import Mapping
from typing import Any, Final

from exchange.api.context import Api
from exchange.api.errors import PossessionUnproven
from registry.certificates import read_der
from signing.certificates import ParsedCertificate
from signing.csr import is_csr_for
from signing.encoding import b64url_decode
from signing.errors import CertificateUnknown, EncodingInvalid, TokenInvalid
from signing.identifiers import SystemId
from signing.keys import KnownCertificate
from signing.tokens import Call, verify_token

PATH: Final = "/v1/certificates"


def prove(api: Api, members: Mapping[str, Any], proof: str | None) -> str | None:
    """The thumbprint of the certificate in ``members``, its possession shown; None without proof.

    Raises:
        ChangeInvalid: no certificate that can be read.
        PossessionUnproven: a proof that is none, or for another system, bus or time.
    """
    if proof is None:
        return None
    parsed, system = read_der(members.get("certificate")), members.get("system")
    if type(system) is not str:
        raise PossessionUnproven("The certificate names no 'system'; the proof is bound to one.")
    if "." in proof:
        _check_token(api, parsed, system, proof)
    elif not _is_request(proof, parsed, system):
        raise PossessionUnproven(
            "The certificate request in 'proof' is not signed with the certificate's key, or does "
            f"not name sealway:{system} as its alternative name."
        )
    return parsed.x5t


def _check_token(api: Api, parsed: ParsedCertificate, system: str, token: str) -> None:
    call = Call(api.bus, "POST", api.public_url.rstrip("/") + PATH)
    known = KnownCertificate(
        parsed.x5t, SystemId(system), parsed.verifier, parsed.not_before_ms, parsed.not_after_ms
    )
    try:
        verify_token(token, call, _Only(known), api.clock() // 1000)
    except TokenInvalid as error:
        raise PossessionUnproven(f"The proof does not hold: {error.detail}") from error


class _Only:
    """Knows one certificate: the one that is to be added."""

    def __init__(self, known: KnownCertificate) -> None:
        self._known = known

    def resolve(self, x5t: str) -> KnownCertificate:
        """That certificate. Raises CertificateUnknown for any other."""
        if x5t != self._known.x5t:
            raise CertificateUnknown("The proof is signed under another certificate.")
        return self._known


def _is_request(proof: str, parsed: ParsedCertificate, system: str) -> bool:
    try:
        return is_csr_for(b64url_decode(proof), parsed, system)
    except EncodingInvalid:
        return False

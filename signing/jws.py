"""Compact JWS (RFC 7515) narrowed to what we accept: one header, one ``typ`` a purpose.

Invariant: every decode names exactly one ``typ``, so that a signature made for one purpose is
never read as another. Refuses any header member but the four.
"""

import json
from functools import lru_cache
from typing import NewType

from signing.encoding import b64url_decode, b64url_encode, check_digest
from signing.errors import AlgorithmNotAllowed, EncodingInvalid, EnvelopeMalformed
from signing.keys import HEADER_NAMES, KeyResolver, KnownCertificate, Signer, Thumbprint
from signing.strict_json import integer_spellings, parse_json
from signing.values import value_type

Typ = NewType("Typ", str)

MESSAGE = Typ("sealway-message+jws")
AUTH = Typ("sealway-auth+jwt")
RECORD = Typ("sealway-record+jws")
CHANGE = Typ("sealway-change+jws")
APPROVAL = Typ("sealway-approval+jws")
DIRECTORY = Typ("sealway-directory+jws")
BUNDLE = Typ("sealway-bundle+jws")
REPORT = Typ("sealway-report+jws")

ENVELOPE_BYTES_MAX = 7_168  # fits the header limits of common proxies with room for the rest
RECORD_BYTES_MAX = 1_048_576  # a record holds a whole object, a schema's text among them
HEADER_BYTES_MAX = 512
HEADER_DEPTH_MAX = 8  # as a manifest: what is wrong with a nested member is its being there
IAT_MAX = 2**40  # far beyond any date; keeps arithmetic on it small

_HEADER_MEMBERS = frozenset({"alg", "typ", "x5t#S256", "iat"})


@value_type
class Envelope:
    """A decoded JWS whose signature has not been checked yet. Trust nothing in it."""

    raw: bytes
    alg: str
    x5t: Thumbprint
    iat_s: int
    payload: bytes
    signature: bytes

    @property
    def signing_input(self) -> bytes:
        """The bytes under the signature: header, dot, payload, as received."""
        return self.raw[: self.raw.rindex(b".")]


def decode_jws(raw: bytes, typ: Typ, bytes_max: int = ENVELOPE_BYTES_MAX) -> Envelope:
    """Take a compact JWS apart, strictly, before anything is looked up.

    Raises:
        EnvelopeMalformed: longer than ``bytes_max``, not three base64url parts, another ``typ``,
            a header with more or fewer members than ``alg typ x5t#S256 iat``.
        AlgorithmNotAllowed: an ``alg`` that is not offered.
    """
    if len(raw) > bytes_max:
        raise EnvelopeMalformed(f"The envelope is {len(raw)} bytes; at most {bytes_max}.")
    pieces = raw.split(b".")
    if len(pieces) != 3 or len(pieces[0]) > HEADER_BYTES_MAX:
        raise EnvelopeMalformed("Expected a compact JWS: header.payload.signature.")
    try:
        payload, signature = b64url_decode(pieces[1]), b64url_decode(pieces[2])
        alg, x5t, iat_s = _parse_header(pieces[0], typ)
    except EncodingInvalid as error:
        raise EnvelopeMalformed(f"In the envelope: {error.detail}") from error
    return Envelope(raw, alg, x5t, iat_s, payload, signature)


@lru_cache(maxsize=1024)
def _parse_header(encoded: bytes, typ: Typ) -> tuple[str, Thumbprint, int]:
    # All that one system signs within a second has the same header.
    data = b64url_decode(encoded)
    header = parse_json(data, depth_max=HEADER_DEPTH_MAX, bytes_max=HEADER_BYTES_MAX)
    if type(header) is not dict or header.keys() != _HEADER_MEMBERS:
        raise EnvelopeMalformed("The header must have exactly alg, typ, x5t#S256 and iat.")
    if header["typ"] != typ:
        raise EnvelopeMalformed(f"Expected typ {typ} in the header.")
    alg, x5t, iat_s = header["alg"], header["x5t#S256"], header["iat"]
    if type(alg) is not str or type(x5t) is not str or type(iat_s) is not int:
        raise EnvelopeMalformed("The header's alg and x5t#S256 are strings, iat whole seconds.")
    if not 0 <= iat_s < IAT_MAX or (not iat_s and integer_spellings(data)["iat"] != "0"):
        raise EnvelopeMalformed("The header's iat is not a time.")
    check_digest(x5t)
    if alg not in HEADER_NAMES:
        raise AlgorithmNotAllowed(
            f"Sign with {' or '.join(sorted(set(HEADER_NAMES.values())))}; this alg is not offered."
        )
    return HEADER_NAMES[alg], Thumbprint(x5t), iat_s


def verify_jws(envelope: Envelope, resolver: KeyResolver) -> KnownCertificate:
    """Whose signature this is.

    Says nothing about the certificate's validity or standing: that is acceptability, asked after.

    Raises:
        CertificateUnknown: nobody registered this thumbprint.
        AlgorithmNotAllowed: the header's ``alg`` is not the key's own.
        SignatureInvalid: the signature does not match.
    """
    certificate = resolver.resolve(envelope.x5t)
    if certificate.verifier.alg != envelope.alg:
        raise AlgorithmNotAllowed("The header's alg is not the one of the certificate's key.")
    certificate.verifier.verify(envelope.signature, envelope.signing_input)
    return certificate


def sign_jws(payload: bytes, signer: Signer, typ: Typ, iat_s: int) -> bytes:
    """A compact JWS over ``payload``, ASCII."""
    header = json.dumps(
        {"alg": signer.alg, "typ": typ, "x5t#S256": signer.x5t, "iat": iat_s},
        separators=(",", ":"),
    )
    signing_input = f"{b64url_encode(header.encode())}.{b64url_encode(payload)}".encode()
    return signing_input + b"." + b64url_encode(signer.sign(signing_input)).encode()

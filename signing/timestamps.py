"""Time-stamps of others (RFC 3161): what is asked, and what an answer proves.

Owns the request's shape and the judgement of a response: the imprint, the nonce, the accuracy, the
authority's certificate under a pinned root at the time that it states. Refuses to fetch. The
library reads ASN.1 and verifies the signature.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from signing.encoding import sha256
from signing.errors import ProofInvalid

REQUEST_TYPE: Final = "application/timestamp-query"
RESPONSE_TYPE: Final = "application/timestamp-reply"
RESPONSE_BYTES_MAX: Final = 16_384  # a token with a chain of certificates takes 2 to 7 kB
ACCURACY_MS_MAX: Final = 1_000
_SHA256: Final = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class TimestampForged(ProofInvalid):
    """Not merely by nobody we trust: made for something else, or made to look trusted."""


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """A request for one piece of data; the answer must repeat its nonce."""

    body: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An authority's word: the data was there at this time, give or take the accuracy."""

    at_ms: int
    accuracy_ms: int
    serial: int


def timestamp_request(data: bytes) -> TimestampRequest:
    """Ask for a time-stamp of the SHA-256 of ``data``, with a nonce and the certificate."""
    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    built = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    assert built.nonce is not None
    return TimestampRequest(built.as_bytes(), built.nonce)


def load_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file that authorities are verified with.

    Raises:
        ProofInvalid: it holds none, or none that can be read.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ProofInvalid("The roots of the time-stamp authorities can't be read.") from error


def verify_timestamp(
    response: bytes,
    data: bytes,
    roots: Sequence[x509.Certificate],
    nonce: int | None = None,
) -> Timestamp:
    """Check a response for ``data``, byte for byte as the authority sent it.

    ``nonce`` is that of the request, where it is known. The authority's certificate must be good at
    the stated time; whether it was revoked since is not looked at.

    Raises:
        TimestampForged: for other data, or it shows an authority under one of the roots that did
            not sign it.
        ProofInvalid: refused or malformed, for another request, no accuracy or one worse than a
            second, or not signed under one of the roots.
    """
    answer = _decode(response)
    imprint = answer.tst_info.message_imprint
    if imprint.hash_algorithm != _SHA256 or not secrets.compare_digest(
        imprint.message, sha256(data)
    ):
        raise TimestampForged("The time-stamp is for other data.")
    if nonce is not None and answer.tst_info.nonce != nonce:
        raise ProofInvalid("The time-stamp answers another request.")
    accuracy_ms = _accuracy_ms(answer)
    _verify_signature(answer, data, roots)
    at_ms = round(answer.tst_info.gen_time.astimezone(UTC).timestamp() * 1000)
    return Timestamp(at_ms, accuracy_ms, answer.tst_info.serial_number)


def _decode(response: bytes) -> TimeStampResponse:
    if len(response) > RESPONSE_BYTES_MAX:
        raise ProofInvalid(f"A time-stamp has at most {RESPONSE_BYTES_MAX} bytes.")
    try:
        answer = decode_timestamp_response(response)
        if answer.status != 0:
            raise ProofInvalid("The authority refused: its status isn't 'granted'.")
        answer.tst_info.message_imprint  # noqa: B018 - reading it is what can fail
    except ValueError as error:
        raise ProofInvalid("The authority's answer is no time-stamp response.") from error
    return answer


def _accuracy_ms(answer: TimeStampResponse) -> int:
    accuracy = None
    with contextlib.suppress(ValueError):
        accuracy = answer.tst_info.accuracy
    if accuracy is None:
        raise ProofInvalid("The time-stamp doesn't say how accurate it is.")
    ms = (accuracy.seconds or 0) * 1000 + (accuracy.millis or 0)
    ms += 1 if accuracy.micros else 0
    if not 0 < ms <= ACCURACY_MS_MAX:
        raise ProofInvalid("The time-stamp is not accurate to a second.")
    return ms


def _verify_signature(
    answer: TimeStampResponse, data: bytes, roots: Sequence[x509.Certificate]
) -> None:
    builder = VerifierBuilder(roots=list(roots))
    try:
        builder.build().verify_message(answer, data)
    except (VerificationError, ValueError) as error:
        if _shows_trusted(answer, roots):
            text = "The time-stamp shows a trusted authority's certificate, which did not sign it."
            raise TimestampForged(text) from error
        raise ProofInvalid("The time-stamp is not signed under a pinned root.") from error


def _shows_trusted(answer: TimeStampResponse, roots: Sequence[x509.Certificate]) -> bool:
    """Whether it holds a certificate that a root issued and that was good at the stated time.

    Only what a root issued itself is looked for: through more hands it stays undecided.
    """
    for der in answer.signed_data.certificates:
        try:
            shown = x509.load_der_x509_certificate(der)
            at = answer.tst_info.gen_time.astimezone(UTC)
        except ValueError:
            continue
        if not shown.not_valid_before_utc <= at <= shown.not_valid_after_utc:
            continue
        for root in roots:
            with contextlib.suppress(ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                shown.verify_directly_issued_by(root)
                return True
    return False

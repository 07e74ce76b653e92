"""Requests made before a run, and answers checked after it.

Owns the bytes of every HTTP request that the load sends: during a run nothing is composed, signed
or parsed beyond a response's length. Refuses to look at answers while a run goes on.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.bodies import BODY_BYTES, request_body
from benchmarks.network import BUS, PROVIDER, PURPOSE, SERVICE, TAKEN_LATER
from signing.certificates import parse_certificate, pem_to_der
from signing.compose import Composed, PartIn, compose
from signing.envelope import verify_envelope
from signing.errors import CertificateUnknown
from signing.identifiers import Code, ServiceCode, SystemId, new_message_id
from signing.keys import KnownCertificate, LocalSigner, Thumbprint, load_private_key
from signing.log.note import parse_verifier_key
from signing.manifest import Manifest
from signing.message import DELIVERY_TYPE, FRAME_TYPE, check_parts, parse_delivery, parse_frame
from signing.receipts import parse_receipt, verify_message_receipt

WAIT_S: Final = 20
BODIES: Final = 256

EXCHANGE: Final = "exchange"  # wait for the answer, in the form that the SDK asks for
ACCEPT: Final = "accept"  # take 202 and the receipt; the message goes to a mailbox


def plain_request(port: int, body: bytes) -> bytes:
    """One POST of a JSON body, as the proxy and the provider get it."""
    head = (
        f"POST /decisions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


@dataclass(frozen=True, slots=True)
class Sent:
    """What is remembered of a request to the bus, to check its answer by."""

    id: str
    digest: str


class Desk:
    """A consumer's desk: composes and signs requests."""

    def __init__(self, system: str, key: Path, certificate: Path) -> None:
        parsed = parse_certificate(pem_to_der(certificate.read_bytes()))
        self._signer = LocalSigner(load_private_key(key.read_bytes()), parsed.x5t)
        self._system = SystemId(system)
        self._bodies = [request_body(number) for number in range(BODIES)]

    def compose(self, number: int, kind: str = EXCHANGE) -> tuple[bytes, Sent]:
        """A signed request as the bytes of one POST; the id's time is now."""
        now_ms = time.time_ns() // 1_000_000
        draft = Manifest(
            bus=BUS,
            id=new_message_id(now_ms),
            kind="request",
            sender=self._system,
            to=SystemId(PROVIDER),
            service=ServiceCode(SERVICE if kind == EXCHANGE else TAKEN_LATER),
            purpose=Code(PURPOSE),
            created_ms=now_ms,
            parts=(),
        )
        composed = compose(draft, [PartIn(self._bodies[number % BODIES])], self._signer)
        request = _head(composed, kind) + composed.frame
        return request, Sent(composed.manifest.id, composed.digest)


def _head(composed: Composed, kind: str) -> bytes:
    lines = [
        "POST /v1/messages HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {len(composed.frame)}",
        f"Content-Type: {FRAME_TYPE}",
    ]
    if kind == EXCHANGE:
        lines += [f"Prefer: wait={WAIT_S}", f"Accept: {DELIVERY_TYPE}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class Checker:
    """Checks answers in the delivery form: signature, parts, what they are about, receipt."""

    def __init__(self, certificate: Path, log_keys: Sequence[str]) -> None:
        parsed = parse_certificate(pem_to_der(certificate.read_bytes()))
        self._known = KnownCertificate(
            parsed.x5t,
            SystemId(PROVIDER),
            parsed.verifier,
            parsed.not_before_ms,
            parsed.not_after_ms,
        )
        self._logs = [parse_verifier_key(key) for key in log_keys]

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        """The provider's certificate; nobody else answers here."""
        if x5t != self._known.x5t:
            raise CertificateUnknown("The answer is not the provider's.")
        return self._known

    def check(self, sent: Sent, response: bytes) -> None:
        """Check one HTTP response of the bus.

        Raises:
            SealwayError, AssertionError: it is not the provider's signed answer to ``sent``, or
                its receipt does not hold.
        """
        receipt, frame = parse_delivery(response.partition(b"\r\n\r\n")[2])
        raw, parts = parse_frame(frame)
        envelope = verify_envelope(raw, self)
        check_parts(envelope.manifest, parts)
        about = envelope.manifest.about
        assert about is not None
        assert (about.id, about.digest) == (sent.id, sent.digest)
        assert envelope.manifest.kind == "response"
        assert len(parts.data[0]) == BODY_BYTES
        (log,) = [key for key in self._logs if key.name == parse_receipt(receipt).origin]
        verify_message_receipt(receipt, envelope, log)


def check_plain(responses: Sequence[bytes]) -> int:
    """Check that each response carries a whole decision; how many. Raises AssertionError."""
    for response in responses:
        assert len(response.partition(b"\r\n\r\n")[2]) == BODY_BYTES
    return len(responses)

"""Who issued members' certificates, and which algorithms count, is for the anchors to say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealway.audit.anchors import parse_anchors
from sealway.audit.chains import Chains
from sealway.audit.errors import AnchorsInvalid
from sealway.audit.verifying import verify_bundle
from signing.certificates import der_to_pem, parse_certificate
from signing.identifiers import SystemId
from tests.attacks.deeds import high_s, live
from tests.support.recorded_bus import BUS, CONSUMER, PROVIDER, RecordedBus, certificate_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """One that issues certificates, rightly or not."""

    def __init__(self, called: str = "A CA", *, ca: bool = True, days: int = 30) -> None:
        self.called, self.key = name(called), ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.issue(called, self.key, ca=ca, days=days)

    def issue(
        self, subject: str, key: Any = None, *, ca: bool = False, days: int = 10
    ) -> x509.Certificate:
        key = key or ec.generate_private_key(ec.SECP256R1())
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(self.called)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + days * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def judged(one: x509.Certificate, *authorities: x509.Certificate, days: int = 0) -> bool:
    der = one.public_bytes(Encoding.DER)
    at_ms = int((NOW + days * DAY).timestamp() * 1000)
    return Chains(authorities).is_issued(parse_certificate(der).x5t, der, at_ms)


def test_an_authority_vouches_for_what_it_issued_while_both_are_valid() -> None:
    authority, short = Authority(), Authority("Short", days=2)
    assert judged(authority.issue("a"), authority.certificate)
    assert judged(authority.issue("a"), short.certificate, authority.certificate)
    assert judged(short.issue("a"), short.certificate, days=2)
    assert not judged(short.issue("a"), short.certificate, days=3)
    assert not judged(authority.issue("a"), authority.certificate, days=11)
    assert not judged(authority.issue("a"), authority.certificate, days=-2)


def test_nobody_else_does() -> None:
    authority, namesake, no_ca = Authority(), Authority(), Authority("Leaf", ca=False)
    assert not judged(authority.issue("a"))
    assert not judged(authority.issue("a"), Authority("Other").certificate)
    assert not judged(authority.issue("a"), namesake.certificate)
    assert not judged(no_ca.issue("a"), no_ca.certificate)
    assert judged(no_ca.certificate, no_ca.certificate)  # named itself


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    return live(tmp_path_factory.mktemp("bus") / "bus", high_s)


def told(made: RecordedBus, more: str) -> dict[str, Any]:
    text = f'bus = "{BUS}"\nlog_keys = ["{made.log_key}"]\n{more}'
    return verify_bundle(made.folder / "case.zip", parse_anchors(text.encode())).to_object()


def issued_by(made: RecordedBus, *systems: str) -> str:
    ders = [certificate_of(made.signers[SystemId(one)].x5t) for one in systems]
    return f"[certificates]\nroots = {json.dumps([der_to_pem(der).decode() for der in ders])}\n"


def test_messages_under_certificates_that_no_authority_issued_are_undecided(
    made: RecordedBus,
) -> None:
    said = told(made, issued_by(made, CONSUMER, PROVIDER))
    assert (said["verdict"], said["issued"]) == ("proven", {"issued": 3})
    said = told(made, issued_by(made, CONSUMER))
    assert (said["exit"], said["finding_counts"]) == (2, {"certificate-not-issued": 1})
    assert said["issued"] == {"issued": 2, "not-issued": 1}
    assert told(made, "")["issued"] == {}


def test_an_algorithm_that_the_anchors_leave_out_decides_nothing(made: RecordedBus) -> None:
    assert told(made, 'algorithms = ["ES256"]\n')["verdict"] == "proven"
    said = told(made, 'algorithms = ["Ed25519"]\n')
    assert (said["exit"], said["finding_counts"]) == (2, {"algorithm-not-trusted": 3})


@pytest.mark.parametrize(
    "table", ["roots = []", 'roots = ["x"]', "roots = [1]", 'roots = ["x"]\nmore = 1', ""]
)
def test_authorities_that_cannot_be_read_are_refused(made: RecordedBus, table: str) -> None:
    with pytest.raises(AnchorsInvalid, match="certificates"):
        told(made, f"[certificates]\n{table}\n")

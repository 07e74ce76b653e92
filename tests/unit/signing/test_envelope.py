"""JWS and envelopes: sealed, taken apart, verified; each purpose its own ``typ``."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import jws
from signing.encoding import b64url_decode, b64url_encode
from signing.envelope import check_in_force, decode_envelope, seal, verify_envelope
from signing.errors import (
    AlgorithmNotAllowed,
    CertificateExpired,
    CertificateRevoked,
    CertificateUnknown,
    EnvelopeMalformed,
    SealwayError,
    SignatureInvalid,
)
from signing.keys import ALGORITHMS, ED25519
from tests.support.published import Directory, published
from tests.support.signers import NOW_MS, KnownParties, party

PAYLOAD = published("messages.json")[0]["manifest"].encode()
ENVELOPE = published("messages.json")[0]["envelope"].encode()
IAT_S = NOW_MS // 1000
PURPOSES = [
    jws.MESSAGE,
    jws.AUTH,
    jws.RECORD,
    jws.CHANGE,
    jws.APPROVAL,
    jws.DIRECTORY,
    jws.BUNDLE,
    jws.REPORT,
]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_verifies_what_a_known_system_sealed(alg: str) -> None:
    sender = party(alg=alg)
    raw = seal(PAYLOAD, sender.signer, IAT_S)
    verified = verify_envelope(raw, KnownParties(sender))
    assert verified.certificate is sender.known
    assert (verified.raw, verified.iat_s) == (raw, IAT_S)
    assert verified.manifest.kind == "request"


def test_the_header_has_four_members_and_nothing_else() -> None:
    sender = party()
    head = seal(PAYLOAD, sender.signer, IAT_S).split(b".")[0]
    assert json.loads(b64url_decode(head)) == {
        "alg": "ES256",
        "typ": "sealway-message+jws",
        "x5t#S256": sender.signer.x5t,
        "iat": IAT_S,
    }


@pytest.mark.parametrize("written", PURPOSES)
@pytest.mark.parametrize("read", PURPOSES)
def test_what_was_signed_for_one_purpose_is_read_for_no_other(
    written: jws.Typ, read: jws.Typ
) -> None:
    raw = jws.sign_jws(b"{}", party(alg=ED25519).signer, written, IAT_S)
    if written == read:
        assert jws.decode_jws(raw, read).payload == b"{}"
    else:
        with pytest.raises(EnvelopeMalformed):
            jws.decode_jws(raw, read)


def test_a_header_read_before_is_still_read_for_its_own_purpose_only() -> None:
    raw = jws.sign_jws(b"{}", party(alg=ED25519).signer, jws.RECORD, IAT_S)
    assert jws.decode_jws(raw, jws.RECORD)
    for _ in range(2):
        with pytest.raises(EnvelopeMalformed):
            jws.decode_jws(raw, jws.MESSAGE)


def test_the_limit_is_the_callers() -> None:
    raw = jws.sign_jws(b"{}" + b" " * 7_168, party(alg=ED25519).signer, jws.RECORD, IAT_S)
    assert jws.decode_jws(raw, jws.RECORD, jws.RECORD_BYTES_MAX)
    with pytest.raises(EnvelopeMalformed, match="at most 7168"):
        jws.decode_jws(raw, jws.RECORD)


def test_refuses_a_system_nobody_registered() -> None:
    raw = seal(PAYLOAD, party().signer, IAT_S)
    with pytest.raises(CertificateUnknown):
        verify_envelope(raw, KnownParties(party()))


def test_refuses_an_algorithm_that_is_not_the_keys_own() -> None:
    sender = party(alg=ED25519)
    _, payload, signature = seal(PAYLOAD, sender.signer, IAT_S).split(b".")
    head = {"alg": "ES256", "typ": jws.MESSAGE, "x5t#S256": sender.signer.x5t, "iat": IAT_S}
    forged = b".".join((b64url_encode(json.dumps(head).encode()).encode(), payload, signature))
    with pytest.raises(AlgorithmNotAllowed):
        verify_envelope(forged, KnownParties(sender))


def test_refuses_a_payload_under_another_payloads_signature() -> None:
    sender = party()
    head, _, signature = seal(PAYLOAD, sender.signer, IAT_S).split(b".")
    other = b64url_encode(PAYLOAD.replace(b"child-benefit", b"child-pension")).encode()
    with pytest.raises(SignatureInvalid):
        verify_envelope(b".".join((head, other, signature)), KnownParties(sender))


def test_a_certificate_is_in_force_from_its_first_to_its_last_moment() -> None:
    known = party().known
    check_in_force(known, known.not_before_ms)
    check_in_force(known, known.not_after_ms)
    for moment in (known.not_before_ms - 1, known.not_after_ms + 1):
        with pytest.raises(CertificateExpired):
            check_in_force(known, moment)


def test_a_revoked_certificate_is_not_in_force_and_its_signature_still_verifies() -> None:
    sender = party()
    directory = KnownParties(sender)
    directory.revoke(sender.known.x5t)
    verified = verify_envelope(seal(PAYLOAD, sender.signer, IAT_S), directory)
    with pytest.raises(CertificateRevoked):
        check_in_force(verified.certificate, NOW_MS)


@given(st.binary(max_size=200) | st.text("eyJ.AZaz09-_=", max_size=60).map(str.encode))
def test_any_bytes_are_an_envelope_or_refused(raw: bytes) -> None:
    with pytest.raises(SealwayError):
        decode_envelope(raw)


@given(st.integers(0, len(ENVELOPE) - 1), st.binary(max_size=2))
def test_an_envelope_with_bytes_changed_never_verifies(at: int, change: bytes) -> None:
    changed = ENVELOPE[:at] + change + ENVELOPE[at + 1 :]
    if changed == ENVELOPE:
        return
    with pytest.raises(SealwayError):
        verify_envelope(changed, Directory())

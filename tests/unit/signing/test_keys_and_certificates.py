"""Keys, certificates and thumbprints."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given
from hypothesis import strategies as st

from signing.certificates import (
    CertificateInvalid,
    der_to_pem,
    issue_self_signed,
    parse_certificate,
    pem_to_der,
    thumbprint,
)
from signing.errors import AlgorithmNotAllowed, SealwayError, SignatureInvalid
from signing.keys import (
    ALGORITHMS,
    ED25519,
    ES256,
    LocalSigner,
    algorithm_of,
    generate_key,
    load_private_key,
    private_key_pem,
    sign_raw,
    verifier_of,
)
from tests.support.published import published, unb64
from tests.support.signers import DAY_MS, NOW_MS

DER = unb64(published("keys.json")["holders"][0]["certificate"])


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_verifies_what_it_signed_and_nothing_else(alg: str) -> None:
    key = generate_key(alg)
    verifier = verifier_of(key.public_key())
    signature = sign_raw(key, b"said")
    verifier.verify(signature, b"said")
    assert verifier.alg == algorithm_of(key) == alg
    for data, other in ((b"unsaid", signature), (b"said", bytes(64)), (b"said", b"")):
        with pytest.raises(SignatureInvalid):
            verifier.verify(other, data)
    with pytest.raises(SignatureInvalid):
        verifier_of(generate_key(alg).public_key()).verify(signature, b"said")


@pytest.mark.parametrize("alg", ALGORITHMS)
@given(signature=st.binary(max_size=80))
def test_any_bytes_are_a_signature_or_refused_as_one(alg: str, signature: bytes) -> None:
    key = KEYS[alg]
    with pytest.raises(SignatureInvalid):
        verifier_of(key.public_key()).verify(signature, b"said")


KEYS = {alg: generate_key(alg) for alg in ALGORITHMS}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_private_key_comes_back_from_its_pem(alg: str) -> None:
    key = generate_key(alg)
    again = load_private_key(private_key_pem(key))
    verifier_of(key.public_key()).verify(sign_raw(again, b"said"), b"said")
    assert algorithm_of(again) == alg


def test_a_sec1_file_as_openssl_writes_it_is_read() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    assert algorithm_of(load_private_key(pem)) == ES256


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed448.Ed448PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _pem(ec.generate_private_key(ec.SECP384R1())),
        _pem(ec.generate_private_key(ec.SECP256K1())),
        _pem(ed448.Ed448PrivateKey.generate()),
        generate_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        ),
    ],
    ids=["nothing", "text", "no DER", "P-384", "secp256k1", "Ed448", "encrypted"],
)
def test_refuses_a_private_key_it_cannot_use(pem: bytes) -> None:
    with pytest.raises(AlgorithmNotAllowed):
        load_private_key(pem)


def test_makes_no_key_of_another_algorithm() -> None:
    with pytest.raises(AlgorithmNotAllowed):
        generate_key("RS256")


def test_a_signer_does_not_show_its_key() -> None:
    signer = LocalSigner(generate_key(ED25519), thumbprint(b"der"))
    assert repr(signer) == f"LocalSigner(alg='Ed25519', x5t='{thumbprint(b'der')}')"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_certificate_says_what_it_was_issued_for(alg: str) -> None:
    key = generate_key(alg)
    der = issue_self_signed(key, "sx/GOV/1001/benefits", NOW_MS, NOW_MS + DAY_MS)
    parsed = parse_certificate(der)
    parsed.verifier.verify(sign_raw(key, b"said"), b"said")
    assert (parsed.alg, parsed.der, parsed.x5t) == (alg, der, thumbprint(der))
    assert parsed.not_before_ms == NOW_MS // 1000 * 1000
    assert parsed.not_after_ms == (NOW_MS + DAY_MS) // 1000 * 1000
    assert "benefits" in parsed.subject


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_certificate_with_serial_number_0_is_refused_before_a_library_does() -> None:
    assert DER[12:15] == b"\x02\x01\x01"
    with pytest.raises(CertificateInvalid, match="positive"):
        parse_certificate(DER[:14] + b"\0" + DER[15:])


def test_a_certificate_comes_back_from_its_pem() -> None:
    assert pem_to_der(der_to_pem(DER)) == DER


def test_a_certificate_of_another_kind_of_key_is_refused_for_its_algorithm() -> None:
    p384 = ec.generate_private_key(ec.SECP384R1())
    der = issue_self_signed(p384, "sx", NOW_MS, NOW_MS + DAY_MS)
    with pytest.raises(AlgorithmNotAllowed):
        parse_certificate(der)


@pytest.mark.parametrize("der", [b"", b"\x30\x00", DER[:-1], DER + b"\0", bytes(16_385)])
def test_refuses_what_is_not_one_certificate(der: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        parse_certificate(der)


@pytest.mark.parametrize(
    "pem", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_refuses_what_is_no_certificate_in_pem(pem: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        pem_to_der(pem)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_certificate_or_refused(data: bytes) -> None:
    with pytest.raises(SealwayError):
        parse_certificate(data)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_certificate_with_a_byte_changed_is_read_or_refused(at: int, value: int) -> None:
    try:
        parsed = parse_certificate(DER[:at] + bytes([value]) + DER[at + 1 :])
    except SealwayError:
        return
    assert parsed.alg in ALGORITHMS

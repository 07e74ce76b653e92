"""Our use of each algorithm against the vectors of the document that defines it."""

import hashlib

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from signing.at_rest import EpochKeys
from signing.encoding import b64url_decode
from signing.errors import SignatureInvalid
from signing.jws import MESSAGE, decode_jws
from signing.keys import Verifier, sign_raw, verifier_of
from signing.log.merkle import leaf_hash
from signing.message import part_key
from tests.support.published import Directory, published

# RFC 7515 appendix A.3: a JWS signed with ES256.
A3_KEY = (
    "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
)
A3_INPUT = (
    b"eyJhbGciOiJFUzI1NiJ9."
    b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    b"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
A3_SIGNATURE = (
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)

# RFC 8037 appendix A: a JWS signed with Ed25519.
A4_SECRET = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
A4_PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
A4_INPUT = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
A4_SIGNATURE = (
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

# RFC 8032 section 7.1, TEST 3: secret, message, the two halves of the signature.
TEST_3 = (
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
)

# RFC 3394 section 4.6: wrap 256 bits of key data with a 256-bit key.
KEK = bytes(range(32))
KEY_DATA = bytes.fromhex("00112233445566778899AABBCCDDEEFF") + bytes(range(16))
WRAPPED = bytes.fromhex(
    "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
)


def a3_verifier() -> Verifier:
    x, y = (int.from_bytes(b64url_decode(text), "big") for text in A3_KEY)
    return verifier_of(ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key())


def test_the_es256_signature_of_rfc_7515_verifies() -> None:
    verifier = a3_verifier()
    verifier.verify(b64url_decode(A3_SIGNATURE), A3_INPUT)
    assert verifier.alg == "ES256"
    with pytest.raises(SignatureInvalid):
        verifier.verify(b64url_decode(A3_SIGNATURE), A3_INPUT + b"A")


def test_the_ed25519_signature_of_rfc_8037_is_ours_too_and_verifies() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b64url_decode(A4_SECRET))
    assert key.public_key().public_bytes_raw() == b64url_decode(A4_PUBLIC)
    assert sign_raw(key, A4_INPUT) == b64url_decode(A4_SIGNATURE)
    verifier_of(key.public_key()).verify(b64url_decode(A4_SIGNATURE), A4_INPUT)


def test_the_ed25519_signature_of_rfc_8032_is_ours_too_and_verifies() -> None:
    secret, message, *halves = map(bytes.fromhex, TEST_3)
    signature = b"".join(halves)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    assert sign_raw(key, message) == signature
    verifier_of(key.public_key()).verify(signature, message)


@pytest.mark.parametrize("name", ["body", "context", "a" * 64, "0.tar_gz-"])
def test_a_part_key_is_the_hkdf_expansion_of_rfc_5869(name: str) -> None:
    salt = hashlib.sha256(name.encode()).digest()
    info = b"sealway/part/v1" + name.encode()
    assert part_key(salt, name) == HKDFExpand(hashes.SHA256(), 32, info).derive(salt)


def test_hkdf_expand_here_is_the_one_of_rfc_5869() -> None:
    # RFC 5869 appendix A.1, so that the comparison above compares with the standard.
    prk = bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    okm = HKDFExpand(hashes.SHA256(), 42, bytes(range(0xF0, 0xFA))).derive(prk)
    assert okm.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_a_wrapped_key_is_the_one_of_rfc_3394() -> None:
    epochs = EpochKeys(7, {7: KEK})
    assert epochs.wrap(KEY_DATA) == b"\x00\x00\x00\x07" + WRAPPED
    assert epochs.unwrap(b"\x00\x00\x00\x07" + WRAPPED) == KEY_DATA


def test_a_leaf_hash_is_the_one_of_rfc_9162() -> None:
    # RFC 9162 section 2.1.1: HASH(0x00 || d); this is the hash of the empty leaf.
    empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"").hex() == empty


@pytest.mark.parametrize("message", published("messages.json"), ids=lambda m: m["name"])
def test_pyjwt_verifies_our_envelopes(message: dict[str, str]) -> None:
    envelope = decode_jws(message["envelope"].encode(), MESSAGE)
    holder = Directory().resolve(envelope.x5t)
    key = jwt.PyJWK(public_jwk(holder.x5t), algorithm=pyjwt_name(holder.verifier.alg))
    payload = pyjwt().decode(message["envelope"], key.key, algorithms=list(NAMES))
    assert payload == message["manifest"].encode()


@pytest.mark.parametrize("message", published("messages.json")[:3], ids=lambda m: m["name"])
def test_pyjwt_refuses_what_we_refuse(message: dict[str, str]) -> None:
    envelope = decode_jws(message["envelope"].encode(), MESSAGE)
    holder = Directory().resolve(envelope.x5t)
    key = jwt.PyJWK(public_jwk(holder.x5t), algorithm=pyjwt_name(holder.verifier.alg))
    head, _, signature = message["envelope"].split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        pyjwt().decode(f"{head}.e30.{signature}", key.key, algorithms=list(NAMES))


def test_we_verify_what_pyjwt_signs() -> None:
    holder = next(h for h in published("keys.json")["holders"] if h["name"] == "benefits")
    payload = published("messages.json")[0]["manifest"].encode()
    headers = {"typ": MESSAGE, "x5t#S256": holder["x5t"], "iat": 1_795_329_600}
    key = jwt.PyJWK(holder["jwk"]).key
    raw = pyjwt().encode(payload, key, algorithm="ES256", headers=headers).encode()
    envelope = decode_jws(raw, MESSAGE)
    Directory().resolve(envelope.x5t).verifier.verify(envelope.signature, envelope.signing_input)
    assert envelope.payload == payload


NAMES = ("ES256", "EdDSA", "Ed25519")


def pyjwt() -> jwt.PyJWS:
    # PyJWT knows Ed25519 by its older name; RFC 9864 gave it the name we write.
    verifier = jwt.PyJWS()
    verifier.register_algorithm("Ed25519", jwt.algorithms.OKPAlgorithm())
    return verifier


def pyjwt_name(alg: str) -> str:
    return "EdDSA" if alg == "Ed25519" else alg


def public_jwk(x5t: str) -> dict[str, str]:
    holder = next(h for h in published("keys.json")["holders"] if h["x5t"] == x5t)
    return {name: value for name, value in holder["jwk"].items() if name != "d"}

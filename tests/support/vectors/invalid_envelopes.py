"""Envelopes that are wrong before anybody reads their manifest: JWS, header, signature, JSON."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.support.vectors import fixed
from tests.support.vectors.fixed import CONSUMER, PROVIDER, b64u
from tests.support.vectors.messages import IAT_S, QUESTION, base, make, request, sized

MALFORMED = "envelope-malformed"
ALGORITHM = "algorithm-not-allowed"
SIGNATURE = "signature-invalid"


class Bad(NamedTuple):
    """One way to be wrong: what it is, what reads it, the bytes, the code they are refused with."""

    name: str
    form: str
    input: bytes
    code: str

    def published(self) -> dict[str, str]:
        """The entry of invalid.json."""
        named = {"name": self.name, "form": self.form, "code": self.code}
        if self.input.isascii() and b"\0" not in self.input:
            return {**named, "text": self.input.decode("ascii")}
        return {**named, "bytes": b64u(self.input)}


def envelopes() -> Iterator[Bad]:
    """Every way for an envelope to be wrong but for what its manifest says."""
    for name, raw in (*_shapes(), *_encodings(), *_header_bytes(), *_header_members()):
        yield Bad(name, "envelope", raw, MALFORMED)
    for name, raw in _algorithms():
        yield Bad(name, "envelope", raw, ALGORITHM)
    for name, raw in _signatures():
        yield Bad(name, "envelope", raw, SIGNATURE)
    for name, payload in _json():
        raw = fixed.jws(_head(), payload, CONSUMER.key)
        yield Bad(f"payload: {name}", "envelope", raw, MALFORMED)
    unknown = fixed.header(CONSUMER, IAT_S) | {"x5t#S256": b64u(fixed.seed("no certificate"))}
    yield Bad("x5t#S256 of no known certificate", "envelope", _with(unknown), "certificate-unknown")


def _head(**changes: Any) -> dict[str, Any]:
    return fixed.header(CONSUMER, IAT_S) | changes


def _with(head: dict[str, Any] | bytes, key: fixed.Key = CONSUMER.key) -> bytes:
    return fixed.jws(head, request().payload, key)


def _pieces() -> tuple[str, str, str]:
    head, payload, signature = request().envelope.decode().split(".")
    return head, payload, signature


def _shapes() -> Iterator[tuple[str, bytes]]:
    raw = request().envelope
    head, payload, signature = _pieces()
    yield "no bytes", b""
    yield "two dots and nothing else", b".."
    yield "one piece", head.encode()
    yield "two pieces: no signature", f"{head}.{payload}".encode()
    yield "four pieces", raw + b"." + signature.encode()
    yield "five pieces, as a JWE", f"{head}.{payload}.{payload}.{payload}.{signature}".encode()
    yield "an empty header", f".{payload}.{signature}".encode()
    yield "an empty payload", fixed.jws(_head(), b"", CONSUMER.key)
    yield "cut in the middle of the payload", raw[: len(head) + len(payload) // 2]
    yield "7169 bytes", sized("an-envelope-of-7169-bytes", 20, 7169).envelope
    yield "a JSON serialisation", fixed.compact({"protected": head, "payload": payload})


def _encodings() -> Iterator[tuple[str, bytes]]:
    head, payload, signature = _pieces()
    yield "padding after the header", f"{head}==.{payload}.{signature}".encode()
    yield "padding after the payload", f"{head}.{payload}=.{signature}".encode()
    yield "padding after the signature", f"{head}.{payload}.{signature}==".encode()
    yield "a newline at the end", f"{head}.{payload}.{signature}\n".encode()
    yield "a space at the start", f" {head}.{payload}.{signature}".encode()
    yield (
        "a newline inside the payload",
        f"{head}.{payload[:40]}\n{payload[40:]}.{signature}".encode(),
    )
    yield (
        "the alphabet of standard base64",
        f"{head}.{payload}.{signature[:-4]}+/{signature[-2:]}".encode(),
    )
    yield (
        "a byte that is not ASCII",
        f"{head}.{payload}.".encode() + b"\xc3\xbc" + signature[2:].encode(),
    )
    yield "a zero byte", f"{head}.{payload}.\0{signature[1:]}".encode()
    yield "a piece of 4 n + 1 characters", f"{head}.{payload}.{signature}AAA".encode()
    yield (
        "stray bits in the last character of the signature",
        _stray(f"{head}.{payload}.", signature),
    )
    odd = next(p for n in range(3) if len(p := b64u(request().payload + b" " * n)) % 4 == 2)
    yield (
        "stray bits in the last character of the payload",
        _stray(f"{head}.", odd, f".{signature}"),
    )
    odd = next(h for n in range(3) if len(h := b64u(fixed.compact(_head()) + b" " * n)) % 4 == 3)
    yield (
        "stray bits in the last character of the header",
        _stray("", odd, f".{payload}.{signature}"),
    )


def _stray(before: str, text: str, after: str = "") -> bytes:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(text[-1]) + 1]
    return (before + text[:-1] + last + after).encode()


def _header_bytes() -> Iterator[tuple[str, bytes]]:
    plain = fixed.compact(_head())
    for name, head in {
        "that is not JSON": b"alg=ES256",
        "that is an array": b'["ES256"]',
        "that is a string": b'"ES256"',
        "that is null": b"null",
        "with a byte-order mark": b"\xef\xbb\xbf" + plain,
        "with bytes after the object": plain + b"{}",
        "with a member twice": plain[:-1] + b',"iat":%d}' % IAT_S,
        "with a member twice, once with an escape": plain[:-1] + b',"i\\u0061t":%d}' % IAT_S,
        "with iat NaN": plain.replace(b"%d" % IAT_S, b"NaN"),
        "with iat 1e400": plain.replace(b"%d" % IAT_S, b"1e400"),
        "with iat -0": plain.replace(b"%d" % IAT_S, b"-0"),
        "with iat with a fraction": plain.replace(b"%d" % IAT_S, b"%d.0" % IAT_S),
        "with iat with an exponent": plain.replace(b"%d" % IAT_S, b"1795329600e0"),
        "with a lone surrogate": plain[:-1] + b',"\\ud800":1}',
        "that is not UTF-8": plain[:-1] + b',"\xff":1}',
        "of more than 512 characters": plain[:-1] + b" " * 400 + b"}",
    }.items():
        yield f"a header {name}", _with(head)


def _header_members() -> Iterator[tuple[str, bytes]]:
    extra: dict[str, Any] = {
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64u(fixed.seed("jwk"))},
        "jku": "https://keys.example/jwks",
        "x5u": "https://keys.example/x5u",
        "x5c": [fixed.b64(CONSUMER.der)[:64]],
        "kid": "1",
        "cty": "json",
        "x5t": b64u(fixed.seed("sha-1")[:20]),
        "url": "https://sx.example/",
        "Alg": "ES256",
    }
    for name, value in extra.items():
        yield f"a header with the member {name}", _with(_head(**{name: value}))
    for name in ("alg", "typ", "x5t#S256", "iat"):
        head = {member: value for member, value in _head().items() if member != name}
        yield f"a header without {name}", _with(head)
    types = [
        "auth+jwt",
        "record+jws",
        "change+jws",
        "approval+jws",
        "directory+jws",
        "bundle+jws",
        "report+jws",
    ]
    spelled = ["JWT", "Sealway-Message+JWS", "application/sealway-message+jws", "", None, 1]
    for typ in [*(f"sealway-{name}" for name in types), *spelled]:
        yield f"a header with typ {typ!r}", _with(_head(typ=typ))
    for iat in (str(IAT_S), -1, None, True, 2**40, [IAT_S]):
        yield f"a header with iat {iat!r}", _with(_head(iat=iat))
    x5t = CONSUMER.x5t
    for name, value in {
        "of 42 characters": x5t[:42],
        "with padding": x5t + "=",
        "in standard base64": "+/" + x5t[2:],
        "in hexadecimal": fixed.seed("x5t").hex(),
        "that is null": None,
        "that is a number": 1,
        "that is empty": "",
    }.items():
        yield f"a header with an x5t#S256 {name}", _with(_head(**{"x5t#S256": value}))
    for alg in (None, 1, ["ES256"]):
        yield f"a header with alg {alg!r}", _with(_head(alg=alg))


def _algorithms() -> Iterator[tuple[str, bytes]]:
    head, payload, _ = _with(_head(alg="none")).decode().split(".")
    yield "alg none with an empty signature", f"{head}.{payload}.".encode()
    for alg in [
        "none",
        "None",
        "HS256",
        "RS256",
        "PS256",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA448",
        "es256",
        "ed25519",
    ]:
        yield f"alg {alg}", _with(_head(alg=alg))
    yield "alg empty", _with(_head(alg=""))
    yield "alg Ed25519 for an ES256 key", _with(_head(alg="Ed25519"))
    other = fixed.header(PROVIDER, IAT_S) | {"alg": "ES256"}
    yield "alg ES256 for an Ed25519 key", _with(other, PROVIDER.key)


def _signatures() -> Iterator[tuple[str, bytes]]:
    signing_input, _, text = request().envelope.rpartition(b".")
    good = fixed.raw_signature(CONSUMER.key, signing_input)
    r, s, n = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big"), fixed.P256_ORDER
    for name, signature in {
        "an empty signature": b"",
        "a signature with one bit changed": bytes([good[0] ^ 1]) + good[1:],
        "a signature of 63 bytes": good[:-1],
        "a signature of 65 bytes": good + b"\0",
        "a signature of zeros": bytes(64),
        "a signature in DER": encode_dss_signature(r, s),
        "a signature whose r is the order of the group": n.to_bytes(32, "big") + good[32:],
        "a signature by another key": fixed.raw_signature(fixed.es256_key("other"), signing_input),
    }.items():
        yield name, signing_input + b"." + b64u(signature).encode()
    later, payload = b64u(fixed.compact(_head(iat=IAT_S + 1))), signing_input.split(b".")[1]
    yield "iat changed after signing", later.encode() + b"." + payload + b"." + text
    changed = request().payload.replace(b"child-benefit", b"child-benefits")
    head = signing_input.split(b".")[0]
    yield "the manifest changed after signing", head + b"." + b64u(changed).encode() + b"." + text
    yield from _ed25519_signatures()


def _ed25519_signatures() -> Iterator[tuple[str, bytes]]:
    made = make("ed25519", base("request", 21), [QUESTION], PROVIDER)
    signing_input, _, _ = made.envelope.rpartition(b".")
    good = fixed.raw_signature(PROVIDER.key, signing_input)
    order = 2**252 + 27742317777372353535851937790883648493
    big = int.from_bytes(good[32:], "little") + order
    for name, signature in {
        "an empty Ed25519 signature": b"",
        "an Ed25519 signature with one bit changed": good[:-1] + bytes([good[-1] ^ 1]),
        "an Ed25519 signature of 63 bytes": good[:-1],
        "an Ed25519 signature of 65 bytes": good + b"\0",
        "an Ed25519 signature of zeros": bytes(64),
        "an Ed25519 signature whose S is not reduced": good[:32] + big.to_bytes(32, "little"),
        "an Ed25519 signature by another key": fixed.ed25519_key("other").sign(signing_input),
    }.items():
        yield name, signing_input + b"." + b64u(signature).encode()


def _json() -> Iterator[tuple[str, bytes]]:
    """Ways not to be strict JSON, each in an otherwise good manifest."""
    plain = request().payload
    opened = plain[:-1]
    yield from {
        "not JSON": b"v=1",
        "cut short": opened,
        "a byte-order mark": b"\xef\xbb\xbf" + plain,
        "UTF-16": plain.decode().encode("utf-16"),
        "bytes after the object": plain + b" {}",
        "a zero byte after the object": plain + b"\0",
        "a comma before the last brace": opened + b",}",
        "a comment": b"/* v 1 */" + plain,
        "single quotes": plain.replace(b'"', b"'"),
        "a member without quotes": plain.replace(b'"v"', b"v"),
        "a member twice": opened + b',"v":1}',
        "a member twice, once with an escape": opened + b',"\\u0076":1}',
        "a member of a part twice": plain.replace(b'"name":', b'"name":"x","name":'),
        "a member of ext twice": opened + b',"ext":{"a":1,"a":1}}',
        "NaN": _ext(b"NaN"),
        "Infinity": _ext(b"Infinity"),
        "-Infinity": _ext(b"-Infinity"),
        "1e400": _ext(b"1e400"),
        "-1E+400": _ext(b"-1E+400"),
        "an integer of 400 digits": _ext(b"9" * 400),
        "an integer of 4400 digits": _ext(b"9" * 4400),
        "the least integer that rounds to infinity": _ext(b"%d" % (2**1024 - 2**970)),
        "a leading zero": _ext(b"01"),
        "a leading plus": _ext(b"+1"),
        "a number that ends in a point": _ext(b"1."),
        "a number that starts with a point": _ext(b".5"),
        "a hexadecimal number": _ext(b"0x10"),
        "a lone high surrogate": _ext(b'"\\ud800"'),
        "a lone low surrogate": _ext(b'"\\udc00"'),
        "surrogates in the wrong order": _ext(b'"\\udc00\\ud800"'),
        "a surrogate in UTF-8": _ext(b'"\xed\xa0\x80"'),
        "an overlong form of UTF-8": _ext(b'"\xc0\xaf"'),
        "a byte that is not UTF-8": _ext(b'"\xff"'),
        "a code point beyond Unicode": _ext(b'"\xf4\x90\x80\x80"'),
        "a control character in a string": _ext(b'"\x01"'),
        "a newline in a string": _ext(b'"\n"'),
        "an unknown escape": _ext(b'"\\x41"'),
        "a form feed as white space": b"\x0c" + plain,
        "a no-break space as white space": b"\xc2\xa0" + plain,
        "nested nine deep": _ext(b"[" * 7 + b"]" * 7),
        "nested a thousand deep": _ext(b"[" * 1000 + b"]" * 1000),
    }.items()


def _ext(value: bytes) -> bytes:
    return request().payload[:-1] + b',"ext":{"a":' + value + b"}}"

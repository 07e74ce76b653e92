"""Leaves: the one line a log keeps of an act (log.md, *Leaf*). Final bytes.

Compact JSON, members in the documented order, absent ones left out, ASCII, at most 1 kB. A
verifier hashes the bytes it was given and never rebuilds them.
"""

import json
import re
from typing import Any, NewType

from signing.encoding import b64url_decode, b64url_encode, hmac_sha256
from signing.errors import EncodingInvalid, JsonInvalid, ProofInvalid
from signing.manifest import KINDS
from signing.randomness import random_bytes
from signing.strict_json import parse_json
from signing.values import value_type

LeafSalt = NewType("LeafSalt", bytes)

LEAF_BYTES_MAX = 1_000
LEAF_SALT_BYTES = 32
NONCE_BYTES = 16

TRAFFIC_KINDS = KINDS | {"refusal", "delivered", "expired", "dead"}
DIRECTORY_KINDS = frozenset({"registry", "trust", "policy"})
LOG_0_KINDS = DIRECTORY_KINDS | {"shard", "heads", "read", "export", "erase", "replay"}
BARE_KINDS = DIRECTORY_KINDS | {"shard", "heads"}
"""Kinds whose leaves name nobody: ``v k n ts reg env`` only."""

_ORDER = ("v", "k", "n", "ts", "from", "to", "svc", "grant", "test", "reg", "ref", "env")
_BARE = frozenset({"v", "k", "n", "ts", "reg", "env"})
_ALL = frozenset(_ORDER)

_TEXT = r'"([ !#-\[\]-~]*)"'
_NUMBER = "(0|[1-9][0-9]{0,14})"
_DIGEST = '"([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])"'
LEAF_PATTERN = re.compile(
    rf'''\{{"v":1,"k":"({"|".join(sorted(TRAFFIC_KINDS | LOG_0_KINDS))})"'''
    rf""","n":"[A-Za-z0-9_-]{{21}}[AQgw]","ts":{_NUMBER}"""
    rf"""((?:,"from":{_TEXT})?(?:,"to":{_TEXT})?(?:,"svc":{_TEXT})?(?:,"grant":{_TEXT})?"""
    rf"""(?:,"test":(true))?),"reg":{_NUMBER}(?:,"ref":{_DIGEST})?,"env":{_DIGEST}\}}"""
)
"""Nearly every leaf there is, in the one spelling; what it doesn't match may still be a leaf.

Groups: k, ts, the five members from `from` to `test` as they stand, each of those, reg, ref, env.
"""


@value_type
class Leaf:
    """A leaf's members; ``raw`` is what is hashed."""

    raw: bytes
    k: str
    ts_ms: int
    reg: int
    env: str
    sender: str | None = None
    to: str | None = None
    svc: str | None = None
    grant: str | None = None
    test: bool = False
    ref: str | None = None


def new_leaf_salt() -> bytes:
    """32 random bytes that keep a leaf's commitment from being guessed."""
    return random_bytes(LEAF_SALT_BYTES)


def commit_to(salt: bytes, act: bytes) -> str:
    """``env``: base64url HMAC-SHA-256 of the exact bytes of an envelope or record."""
    return b64url_encode(hmac_sha256(salt, act))


def encode_leaf(
    k: str,
    ts_ms: int,
    reg: int,
    env: str,
    *,
    sender: str | None = None,
    to: str | None = None,
    svc: str | None = None,
    grant: str | None = None,
    test: bool = False,
    ref: str | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """A new leaf's bytes. Values are identifiers and digests of known alphabets: no escaping."""
    nonce64 = b64url_encode(nonce or random_bytes(NONCE_BYTES))
    text = f'{{"v":1,"k":"{k}","n":"{nonce64}","ts":{ts_ms}'
    if sender is not None:
        text += f',"from":"{sender}"'
    if to is not None:
        text += f',"to":"{to}"'
    if svc is not None:
        text += f',"svc":"{svc}"'
    if grant is not None:
        text += f',"grant":"{grant}"'
    if test:
        text += ',"test":true'
    text += f',"reg":{reg}'
    if ref is not None:
        text += f',"ref":"{ref}"'
    leaf = f'{text},"env":"{env}"}}'.encode("ascii")
    assert len(leaf) <= LEAF_BYTES_MAX
    return leaf


def parse_leaf(raw: bytes) -> Leaf:
    """Read a leaf's bytes, strictly, and only in the one spelling.

    Raises:
        ProofInvalid: not a v 1 leaf, or members out of order.
    """
    found = LEAF_PATTERN.fullmatch(raw.decode("ascii", "replace"))
    if found is None or len(raw) > LEAF_BYTES_MAX or (found[1] in BARE_KINDS and found[3]):
        return parse_leaf_slowly(raw)
    k, ts, _, sender, to, svc, grant, test, reg, ref, env = found.groups()
    if ref is not None and k in BARE_KINDS:
        return parse_leaf_slowly(raw)
    return Leaf(raw, k, int(ts), int(reg), env, sender, to, svc, grant, test is not None, ref)


def parse_leaf_slowly(raw: bytes) -> Leaf:
    """The same as `parse_leaf` by way of JSON; says of what is no leaf why. Raises ProofInvalid."""
    try:
        fields = parse_json(raw, depth_max=1, bytes_max=LEAF_BYTES_MAX)
    except JsonInvalid as error:
        raise ProofInvalid("The leaf is not strict JSON of at most 1,000 bytes.") from error
    if type(fields) is not dict:
        raise ProofInvalid("A leaf must be a JSON object.")
    allowed = _BARE if fields.get("k") in BARE_KINDS else _ALL
    if not _BARE <= fields.keys() <= allowed or type(fields["v"]) is not int or fields["v"] != 1:
        raise ProofInvalid("The leaf does not have the members of a v 1 leaf.")
    ordered = {name: fields[name] for name in _ORDER if name in fields}
    if b"\\" in raw or json.dumps(ordered, separators=(",", ":")).encode() != raw:
        raise ProofInvalid("The leaf is not in the one spelling.")
    _check_values(fields)
    return Leaf(
        raw=raw,
        k=fields["k"],
        ts_ms=fields["ts"],
        reg=fields["reg"],
        env=fields["env"],
        sender=fields.get("from"),
        to=fields.get("to"),
        svc=fields.get("svc"),
        grant=fields.get("grant"),
        test="test" in fields,
        ref=fields.get("ref"),
    )


def _check_values(fields: dict[str, Any]) -> None:
    texts = [fields[name] for name in _ALL - {"v", "ts", "reg", "test"} if name in fields]
    numbers = (fields["ts"], fields["reg"])
    if not all(type(text) is str for text in texts) or fields.get("test", True) is not True:
        raise ProofInvalid("A leaf's member has the wrong type.")
    if not all(type(number) is int and 0 <= number < 2**53 for number in numbers):
        raise ProofInvalid("A leaf's ts and reg are integers.")
    if fields["k"] not in TRAFFIC_KINDS | LOG_0_KINDS:
        raise ProofInvalid("The leaf is of an unknown kind.")
    try:
        b64url_decode(fields["n"], NONCE_BYTES)
        for name in ("env", "ref"):
            if name in fields:
                b64url_decode(fields[name], 32)
    except EncodingInvalid as error:
        raise ProofInvalid("A leaf's n, env or ref is malformed.") from error

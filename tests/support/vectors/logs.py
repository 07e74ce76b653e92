"""Leaves, trees, checkpoints, receipts, records, tokens and bytes at rest of the vectors."""

import hashlib
import hmac
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.vectors import fixed
from tests.support.vectors.fixed import BUS, CONSUMER, PROVIDER, RECORDER, b64, b64u
from tests.support.vectors.messages import IAT_S, Vector

TS_MS = fixed.ms("2026-11-22T06:40:00.200Z")
EPOCH = 1
MESSAGE_ID = bytes.fromhex("01a201fbaa7b7cc098c4dc0c0c073900")
CHUNK = 1_048_576
CALL = {"bus": BUS, "method": "POST", "url": "https://sx.example/v1/mailbox/lease"}


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, by its recursive definition."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else hashlib.sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return _node(tree_hash(leaves[:split]), tree_hash(leaves[split:]))


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1, by its recursive definition."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(index, leaves[:split]), tree_hash(leaves[split:])]
    return [*path(index - split, leaves[split:]), tree_hash(leaves[:split])]


def consistency(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962 section 2.1.2, by its recursive definition."""
    if old == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*consistency(old, leaves[:split], whole), tree_hash(leaves[split:])]
    return [*consistency(old - split, leaves[split:], False), tree_hash(leaves[:split])]


def log_key(origin: str) -> tuple[bytes, str]:
    """The public key of a log, and its verifier key."""
    key = fixed.ed25519_key(f"key of {origin}").public_key()
    public = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return public, "+".join((origin, _key_id(origin, public).hex(), b64(b"\x01" + public)))


def _key_id(origin: str, public: bytes) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]


def checkpoint(origin: str, leaves: list[bytes]) -> str:
    """A signed checkpoint of these leaves."""
    return note(origin, f"{origin}\n{len(leaves)}\n{b64(tree_hash(leaves))}\n")


def note(origin: str, text: str) -> str:
    """``text`` as a note signed by a log's key, whatever the text says."""
    public, _ = log_key(origin)
    signature = fixed.ed25519_key(f"key of {origin}").sign(text.encode())
    return f"{text}\n\u2014 {origin} {b64(_key_id(origin, public) + signature)}\n"


def leaf(number: int, k: str, act: bytes, **members: Any) -> tuple[bytes, bytes]:
    """A leaf's bytes and its salt."""
    salt = fixed.seed(f"leaf salt {number}")
    env = b64u(hmac.new(salt, act, "sha256").digest())
    nonce = b64u(fixed.seed(f"leaf nonce {number}")[:16])
    ref = {"ref": members.pop("ref")} if "ref" in members else {}
    fields = {"v": 1, "k": k, "n": nonce, "ts": TS_MS + number, **members, "reg": 12}
    return fixed.compact(fields | ref | {"env": env}), salt


def receipt(origin: str, leaves: list[bytes], index: int, salt: bytes) -> str:
    """A receipt: a tlog-proof whose extra data is the leaf and its salt."""
    extra = fixed.compact({"leaf": b64u(leaves[index]), "salt": b64u(salt)})
    return proof(extra, index, path(index, leaves), checkpoint(origin, leaves))


def proof(extra: bytes, index: int, hashes: list[bytes], signed: str) -> str:
    """A tlog-proof's text."""
    lines = ["c2sp.org/tlog-proof@v1", f"extra {b64(extra)}", f"index {index}", *map(b64, hashes)]
    return "\n".join(lines) + "\n\n" + signed


def shard(messages: list[Vector]) -> tuple[list[bytes], list[bytes]]:
    """The leaves of log 1 over these messages, and their salts; answers refer to the first."""
    leaves: list[bytes] = []
    salts: list[bytes] = []
    for number, message in enumerate(messages):
        kind = message.name
        sender = CONSUMER.system if message.holder is CONSUMER else PROVIDER.system
        to = PROVIDER.system if message.holder is CONSUMER else CONSUMER.system
        said = {"from": sender} if kind == "event" else {"from": sender, "to": to}
        said |= {} if kind == "event" else {"svc": "person-status", "grant": "g0123456789abcde"}
        ref = {"ref": b64u(leaf_hash(leaves[0]))} if kind not in ("request", "event") else {}
        made, salt = leaf(number, kind, message.envelope, **said, **ref)
        leaves.append(made)
        salts.append(salt)
    return leaves, salts


def log_vectors(messages: list[Vector]) -> dict[str, Any]:
    """The contents of log.json."""
    origin = f"{BUS}/log/1"
    leaves, salts = shard(messages)
    named = zip(messages, leaves, salts, strict=True)
    return {
        "origin": origin,
        "verifier_key": log_key(origin)[1],
        "seed": b64u(fixed.seed(f"key of {origin}")),
        "leaves": [
            {
                "message": message.name,
                "leaf": made.decode(),
                "salt": b64u(salt),
                "leaf_hash": b64u(leaf_hash(made)),
                "receipt": receipt(origin, leaves, index, salt),
            }
            for index, (message, made, salt) in enumerate(named)
        ],
        "roots": [b64u(tree_hash(leaves[:size])) for size in range(len(leaves) + 1)],
        "inclusion": _inclusions(leaves),
        "consistency": _consistencies(leaves),
        "checkpoint": checkpoint(origin, leaves),
        "entries": b64u(b"".join(len(made).to_bytes(2, "big") + made for made in leaves)),
        "tile": b64u(b"".join(map(leaf_hash, leaves))),
    }


def _inclusions(leaves: list[bytes]) -> list[dict[str, Any]]:
    return [
        {"index": index, "size": size, "path": [b64u(h) for h in path(index, leaves[:size])]}
        for size in range(1, len(leaves) + 1)
        for index in range(size)
    ]


def _consistencies(leaves: list[bytes]) -> list[dict[str, Any]]:
    return [
        {"old": old, "new": new, "proof": [b64u(h) for h in consistency(old, leaves[:new])]}
        for new in range(1, len(leaves) + 1)
        for old in range(1, new + 1)
    ]


def deliveries(messages: list[Vector]) -> list[dict[str, str]]:
    """Each message in the delivery form, with its receipt."""
    leaves, salts = shard(messages)
    texts = [receipt(f"{BUS}/log/1", leaves, n, salt) for n, salt in enumerate(salts)]
    return [
        {"message": m.name, "delivery": b64u(fixed.prefixed(text.encode()) + m.frame)}
        for m, text in zip(messages, texts, strict=True)
    ]


def record_fields(**changes: Any) -> dict[str, Any]:
    """A record's members: the trust record that comes first in log 0."""
    return {
        "v": 1,
        "k": "trust",
        "at": "2026-11-22T06:40:00.000Z",
        "actor": "bus",
        "role": "bus",
        "act": "bus-key-added",
        "about": {"noun": "certificate", "key": RECORDER.x5t},
        "after": {"certificate": b64u(RECORDER.der)},
        "approvals": [],
    } | changes


def record_jws(fields: dict[str, Any]) -> bytes:
    """A record signed by the bus's record key."""
    head = fixed.header(RECORDER, IAT_S, "sealway-record+jws")
    return fixed.jws(head, fixed.compact(fields), RECORDER.key)


def record_vectors() -> list[dict[str, str]]:
    """The contents of records.json; object hashes are over RFC 8785 bytes, as written here."""
    before = b'{"id":"sx/GOV/1001","name":"Benefits","state":"active"}'
    changed = record_fields(
        k="registry",
        actor="person:01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
        role="operator",
        act="member-suspended",
        about={"noun": "member", "key": "sx/GOV/1001"},
        before=b64u(hashlib.sha256(before).digest()),
        after={"id": "sx/GOV/1001", "name": "Benefits", "state": "suspended"},
    )
    heads = record_fields(k="heads", act="heads", about={"noun": "log", "key": f"{BUS}/log/0"})
    heads["after"] = [{"n": 1, "size": 7, "root": b64u(fixed.seed("root"))}]
    named = [("first", record_fields()), ("change", changed), ("heads", heads)]
    return [
        {"name": name, "payload": fixed.compact(made).decode(), "jws": record_jws(made).decode()}
        for name, made in named
    ]


def token_fields(**changes: Any) -> dict[str, Any]:
    """The claims of a bearer token."""
    return {
        "iss": CONSUMER.system,
        "aud": BUS,
        "iat": IAT_S,
        "exp": IAT_S + 60,
        "jti": b64u(fixed.seed("jti")[:16]),
        "htm": CALL["method"],
        "htu": CALL["url"],
    } | changes


def token(fields: dict[str, Any], typ: str = "sealway-auth+jwt") -> bytes:
    """A bearer token of these claims, signed by the consumer."""
    return fixed.jws(fixed.header(CONSUMER, IAT_S, typ), fixed.compact(fields), CONSUMER.key)


def token_vectors() -> dict[str, Any]:
    """The contents of tokens.json."""
    made = token(token_fields()).decode()
    return {"call": CALL, "now_s": IAT_S + 30, "token": made, "jti": token_fields()["jti"]}


def at_rest(message: Vector) -> dict[str, Any]:
    """The contents of at-rest.json: a message's bytes as they are stored, with every key."""
    epoch_key, envelope_key, content_key = map(fixed.seed, ("epoch", "envelope key", "content key"))
    message_id = MESSAGE_ID
    leaf_salt = fixed.seed("leaf salt 0")
    aad = b"sealway/envelope/v1" + message_id
    long_salt, long, sealed_long = long_content()
    content = [part.data for part in message.parts]
    return {
        "epoch": EPOCH,
        "epoch_key": b64u(epoch_key),
        "id": b64u(message_id),
        "message": message.name,
        "envelope_key": b64u(envelope_key),
        "wrapped_envelope_key": b64u(_wrapped(epoch_key, envelope_key)),
        "sealed_envelope": b64u(AESGCM(envelope_key).encrypt(bytes(12), message.envelope, aad)),
        "leaf_salt": b64u(leaf_salt),
        "wrapped_leaf_salt": b64u(aes_key_wrap(envelope_key, leaf_salt)),
        "content_key": b64u(content_key),
        "wrapped_content_key": b64u(_wrapped(epoch_key, content_key)),
        "sealed_content": b64u(_content(content_key, message.salt, content, message_id)),
        "long_content": {
            "salt": b64u(long_salt),
            "part_bytes": len(long),
            "part_sha256": b64u(hashlib.sha256(long).digest()),
            "sealed_bytes": len(sealed_long),
            "sealed_sha256": b64u(hashlib.sha256(sealed_long).digest()),
        },
    }


def long_content() -> tuple[bytes, bytes, bytes]:
    """A salt, a part whose byte i is i modulo 251, and both sealed: two chunks and a bit."""
    salt = fixed.seed("long salt")
    part = (bytes(range(251)) * (2 * CHUNK // 251 + 1))[: 2 * CHUNK + 100]
    return salt, part, _content(fixed.seed("content key"), salt, [part], MESSAGE_ID)


def _wrapped(epoch_key: bytes, key: bytes) -> bytes:
    return EPOCH.to_bytes(4, "big") + aes_key_wrap(epoch_key, key)


def _content(key: bytes, salt: bytes, parts: list[bytes], message_id: bytes) -> bytes:
    plain = salt + b"".join(parts)
    sealed = b""
    for number, at in enumerate(range(0, len(plain), CHUNK)):
        last = at + CHUNK >= len(plain)
        aad = b"sealway/content/v1" + message_id + bytes([last])
        nonce = number.to_bytes(12, "big")
        sealed += AESGCM(key).encrypt(nonce, plain[at : at + CHUNK], aad)
    return sealed

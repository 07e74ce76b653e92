"""Leaves, notes, checkpoints, proofs and receipts that are wrong; each is ``proof-invalid``."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from tests.support.vectors import fixed, logs
from tests.support.vectors.fixed import BUS, b64, b64u
from tests.support.vectors.invalid_envelopes import Bad
from tests.support.vectors.messages import kinds

ORIGIN = f"{BUS}/log/1"
OTHER = f"{BUS}/log/2"


def proofs() -> Iterator[Bad]:
    """Every way for something of a log to be wrong."""
    for form, source in {
        "leaf": _leaves(),
        "note": _notes(),
        "checkpoint": _checkpoints(),
        "receipt": _receipts(),
        "verifier-key": _verifier_keys(),
    }.items():
        for name, text in source:
            raw = text if isinstance(text, bytes) else text.encode()
            yield Bad(f"{form}: {name}", form, raw, "proof-invalid")


def _shard() -> tuple[list[bytes], list[bytes]]:
    return logs.shard(kinds())


def _fields(**changes: Any) -> dict[str, Any]:
    env = b64u(fixed.seed("env"))
    nonce = b64u(fixed.seed("nonce")[:16])
    return {"v": 1, "k": "policy", "n": nonce, "ts": logs.TS_MS, "reg": 1, "env": env} | changes


def unchanged() -> bytes:
    """The good leaf that most of these change."""
    return fixed.compact(_fields())


def _leaves() -> Iterator[tuple[str, bytes]]:
    good, traffic = fixed.compact(_fields()), _shard()[0][0]
    yield "no bytes", b""
    yield "not JSON", b"v=1"
    yield "an array", b"[]"
    yield "a space", good.replace(b":", b": ", 1)
    yield "a newline at the end", good + b"\n"
    yield "members in another order", fixed.compact(dict(reversed(_fields().items())))
    yield "a member twice", good[:-1] + b',"v":1}'
    yield "an absent member as null", traffic[:-1].replace(b',"reg"', b',"test":null,"reg"') + b"}"
    yield "test false", traffic.replace(b',"reg"', b',"test":false,"reg"')
    yield "an escape", traffic.replace(b"person-status", b"person\\u002dstatus")
    escaped = b"pers\\u00f6n"
    yield "a letter beyond ASCII as an escape", traffic.replace(b"person-status", escaped)
    yield "an escaped slash", traffic.replace(b"sx/GOV", b"sx\\/GOV")
    yield "a letter that is not ASCII", traffic.replace(b"person-status", "persön".encode())
    yield "more than 1000 bytes", traffic.replace(b"g0123456789abcde", b"g" * 1000)
    yield "an unknown member", good.replace(b',"env"', b',"id":"x","env"')
    yield "a directory leaf that names a system", good.replace(b',"reg"', b',"from":"a","reg"')
    for member in ("v", "k", "n", "ts", "reg", "env"):
        fields = {name: value for name, value in _fields().items() if name != member}
        yield f"no {member}", fixed.compact(fields)
    short = b64u(fixed.seed("short")[:15])
    for member, values in {
        "v": [2, True, 1.0, "1"],
        "k": ["member", "Policy", "", 1],
        "n": [short, b64u(fixed.seed("n")), _fields()["n"][:-1] + "B", 1],
        "ts": [-1, 1.5, "1", True, 2**53],
        "reg": [-1, 1.5, "1", True, 2**53],
        "env": [b64u(fixed.seed("env")[:31]), _fields()["env"][:-1] + "B", 1, ""],
    }.items():
        for value in values:
            yield f"{member} {value!r}", fixed.compact(_fields(**{member: value}))
    yield "ts -0", fixed.compact(_fields(ts=0)).replace(b'"ts":0', b'"ts":-0')
    yield "a ref of 42 characters", traffic.replace(b',"env"', b',"ref":"%s","env"' % (b"A" * 42))


def _notes() -> Iterator[tuple[str, str]]:
    good = logs.checkpoint(ORIGIN, _shard()[0])
    text, _, line = good.rpartition("\n\n")
    text += "\n"
    encoded = line.split()[2]
    yield "no characters", ""
    yield "a text without signatures", text
    yield "a text and an empty line", text + "\n"
    yield "no newline at the end", good[:-1]
    yield "the text changed", good.replace("\n7\n", "\n8\n")
    yield "a space at a line's end", good.replace("\n7\n", "\n7 \n")
    yield "line ends of DOS", good.replace("\n", "\r\n")
    yield "a tab in the text", logs.note(ORIGIN, text + "a\tb\n")
    yield "a hyphen for the dash", good.replace("—", "-")
    yield "two spaces after the dash", good.replace("— ", "—  ")
    yield "another key's name", good.replace(f"— {ORIGIN}", f"— {OTHER}")
    yield "another log's signature", logs.checkpoint(OTHER, _shard()[0])
    yield "a signature that is not base64", good.replace(encoded, encoded[:-2] + "**")
    yield "a signature without padding", good.replace(encoded, encoded.rstrip("=") or "x")
    yield "a signature in base64url", good.replace(encoded, "-_" + encoded[2:])
    yield "a signature of three bytes", good.replace(encoded, b64(b"abc"))
    yield "a signature with one bit changed", good.replace(encoded, _flipped(encoded))
    named = b64(b"\0\0\0\0" + base64.b64decode(encoded)[4:])
    yield "a good signature under another key's id", good.replace(encoded, named)
    yield "something after the signatures", good + "more\n"
    yield "an empty line after the signatures", good + "\n"
    yield "101 signatures", good + f"— other {b64(bytes(68))}\n" * 100


def _flipped(encoded: str) -> str:
    at = len(encoded) // 2
    return encoded[:at] + ("A" if encoded[at] != "A" else "B") + encoded[at + 1 :]


def _checkpoints() -> Iterator[tuple[str, str]]:
    """Texts that the log's own key signed, and that are no checkpoints of it."""
    root = b64(logs.tree_hash(_shard()[0]))
    for name, text in {
        "another origin": f"{OTHER}\n7\n{root}\n",
        "an empty origin": f"\n7\n{root}\n",
        "two lines": f"{ORIGIN}\n7\n",
        "one line": f"{ORIGIN}\n",
        "a leading zero": f"{ORIGIN}\n07\n{root}\n",
        "a negative size": f"{ORIGIN}\n-7\n{root}\n",
        "a size with a plus": f"{ORIGIN}\n+7\n{root}\n",
        "a size in hexadecimal": f"{ORIGIN}\n0x7\n{root}\n",
        "a size in other digits": f"{ORIGIN}\n\u0667\n{root}\n",
        "a size with a space": f"{ORIGIN}\n7 \n{root}\n",
        "no size": f"{ORIGIN}\n\n{root}\n",
        "a root of 31 bytes": f"{ORIGIN}\n7\n{b64(fixed.seed('root')[:31])}\n",
        "a root of 33 bytes": f"{ORIGIN}\n7\n{b64(fixed.seed('root') + b'x')}\n",
        "a root without padding": f"{ORIGIN}\n7\n{root.rstrip('=')}\n",
        "a root in hexadecimal": f"{ORIGIN}\n7\n{fixed.seed('root').hex()}\n",
        "a root with stray bits": f"{ORIGIN}\n7\n{_stray(root)}\n",
        "an empty line after the root": f"{ORIGIN}\n7\n{root}\n\nmore\n",
    }.items():
        yield name, logs.note(ORIGIN, text)


def _stray(root: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return root[:-2] + alphabet[alphabet.index(root[-2]) + 1] + "="


def _receipts() -> Iterator[tuple[str, str]]:
    leaves, salts = _shard()
    good = logs.receipt(ORIGIN, leaves, 0, salts[0])
    signed, path = logs.checkpoint(ORIGIN, leaves), logs.path(0, leaves)
    extra = fixed.compact({"leaf": b64u(leaves[0]), "salt": b64u(salts[0])})
    yield "no characters", ""
    yield "another header", good.replace("@v1", "@v2")
    yield "no header", good.split("\n", 1)[1]
    yield "no extra line", logs.proof(b"", 0, path, signed).replace("extra \n", "")
    yield "an empty extra line", logs.proof(b"", 0, path, signed)
    yield "no index", good.replace("index 0\n", "")
    yield "a leading zero in the index", good.replace("index 0\n", "index 00\n")
    yield "a negative index", good.replace("index 0\n", "index -1\n")
    yield "the index before the extra line", _swapped(good)
    yield "no checkpoint", good.split("\n\n")[0] + "\n\n"
    yield "no empty line", good.replace("\n\n", "\n", 1)
    yield "line ends of DOS", good.replace("\n", "\r\n")
    yield "another leaf's index", good.replace("index 0\n", "index 1\n")
    yield "an index beyond the tree", good.replace("index 0\n", "index 7\n")
    yield "a path without its last hash", logs.proof(extra, 0, path[:-1], signed)
    yield "a path with a hash more", logs.proof(extra, 0, [*path, path[0]], signed)
    yield "a path in another order", logs.proof(extra, 0, path[::-1], signed)
    yield "a path of 65 hashes", logs.proof(extra, 0, [path[0]] * 65, signed)
    yield "a hash of 31 bytes", logs.proof(extra, 0, [path[0][:31], *path[1:]], signed)
    yield "two hashes on a line", logs.proof(extra, 0, [path[0] + path[1], *path[2:]], signed)
    yield "a path that is not base64", good.replace(b64(path[0]), "*" * 44)
    smaller = logs.checkpoint(ORIGIN, leaves[:6])
    yield "a checkpoint of another size", logs.proof(extra, 0, path, smaller)
    yield "another log's checkpoint", logs.receipt(OTHER, leaves, 0, salts[0])
    yield "another message's leaf", logs.receipt(ORIGIN, leaves, 1, salts[1])
    yield from _extras(leaves, salts, path, signed)


def _swapped(text: str) -> str:
    lines = text.split("\n")
    return "\n".join([lines[0], lines[2], lines[1], *lines[3:]])


def _extras(
    leaves: list[bytes], salts: list[bytes], path: list[bytes], signed: str
) -> Iterator[tuple[str, str]]:
    leaf, salt = b64u(leaves[0]), b64u(salts[0])
    for name, value in {
        "without salt": {"leaf": leaf},
        "without leaf": {"salt": salt},
        "with a member more": {"leaf": leaf, "salt": salt, "id": "x"},
        "that is an array": [leaf, salt],
        "with a leaf that is a number": {"leaf": 1234, "salt": salt},
        "with a leaf that is true": {"leaf": True, "salt": salt},
        "with a salt of 31 bytes": {"leaf": leaf, "salt": b64u(salts[0][:31])},
        "with another salt": {"leaf": leaf, "salt": b64u(salts[1])},
        "with padding": {"leaf": leaf, "salt": salt + "="},
        "with a leaf that is not a leaf": {"leaf": b64u(b"{}"), "salt": salt},
    }.items():
        yield f"extra data {name}", logs.proof(fixed.compact(value), 0, path, signed)
    yield "extra data that is not JSON", logs.proof(b"leaf", 0, path, signed)


def _verifier_keys() -> Iterator[tuple[str, str]]:
    public, good = logs.log_key(ORIGIN)
    key_id = good.split("+")[1]
    yield "no characters", ""
    yield "no hash", good.replace(f"+{key_id}", "")
    yield "another name", good.replace(ORIGIN, OTHER)
    yield "no name", good.replace(ORIGIN, "")
    yield "a space in the name", _key("sx example", b"\x01", public)
    yield "another type of key", _key(ORIGIN, b"\x02", public)
    yield "a key of 31 bytes", _key(ORIGIN, b"\x01", public[:31])
    yield "a key of 33 bytes", _key(ORIGIN, b"\x01", public + b"x")
    yield "a key without padding", good.rstrip("=") + "="
    yield "a hash of zeros", good.replace(key_id, "00000000")


def _key(name: str, kind: bytes, public: bytes) -> str:
    key_id = hashlib.sha256(name.encode() + b"\n" + kind + public).hexdigest()[:8]
    return f"{name}+{key_id}+{b64(kind + public)}"

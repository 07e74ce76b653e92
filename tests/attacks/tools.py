"""What an attacker writes in an afternoon: no line of it is ours, so no mistake of ours is shared.

sqlite3, zipfile, hashlib and, for an operator with the bus's keys, cryptography.
"""

import base64
import hashlib
import json
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Files = dict[str, bytes]


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- the tree ---------------------------------------------------------------------------------


def frontier(hashes_: list[bytes]) -> list[bytes]:
    parts, start = [], 0
    for bit in reversed(range(len(hashes_).bit_length())):
        if len(hashes_) >> bit & 1:
            parts.append(full(hashes_[start : start + (1 << bit)]))
            start += 1 << bit
    return parts


def full(row: list[bytes]) -> bytes:
    while len(row) > 1:
        row = [sha(b"\x01" + row[i] + row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def root(hashes_: list[bytes]) -> bytes:
    parts = frontier(hashes_)
    top = parts[-1]
    for one in reversed(parts[:-1]):
        top = sha(b"\x01" + one + top)
    return top


def split(bundle: bytes) -> list[bytes]:
    leaves = []
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        leaves.append(bundle[2 : 2 + size])
        bundle = bundle[2 + size :]
    return leaves


def joined(leaves: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in leaves)


# --- keys -------------------------------------------------------------------------------------


def private(file: Path) -> Any:
    return serialization.load_pem_private_key(file.read_bytes(), None)


def note(origin: str, size: int, top: bytes, key_file: Path) -> str:
    key = private(key_file)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    text = f"{origin}\n{size}\n{base64.b64encode(top).decode()}\n"
    name = sha(origin.encode() + b"\n\x01" + raw)[:4]
    signature = base64.b64encode(name + key.sign(text.encode())).decode()
    return f"{text}\n— {origin} {signature}\n"


def signed_again(jws: bytes, change: Callable[[dict[str, Any]], None], key_file: Path) -> bytes:
    """A JWS with another payload, under the bus's own record key."""
    header, payload, _ = jws.decode().split(".")
    members = json.loads(unb64u(payload))
    change(members)
    said = f"{header}.{b64u(json.dumps(members, separators=(',', ':')).encode())}".encode()
    r, s = decode_dss_signature(private(key_file).sign(said, ec.ECDSA(hashes.SHA256())))
    return said + b"." + b64u(r.to_bytes(32, "big") + s.to_bytes(32, "big")).encode()


# --- the database -----------------------------------------------------------------------------


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(folder / "data" / "sealway.db", isolation_level=None)
    try:
        yield connection
    finally:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


def leaves_of(connection: sqlite3.Connection, shard: int) -> list[bytes]:
    rows = connection.execute(
        "SELECT entries FROM log_group WHERE shard = ? ORDER BY first_index", (shard,)
    )
    return [leaf for (entries,) in rows for leaf in split(entries)]


def rewrite(folder: Path, shard: int, leaves: list[bytes], *, sign: bool = True) -> None:
    """Another history of a log, everything that is stored of it made to fit."""
    with database(folder) as connection:
        origin = f"sx.example/log/{shard}"
        tree = [sha(b"\x00" + leaf) for leaf in leaves]
        top, size = root(tree), len(leaves)
        connection.execute("DELETE FROM log_group WHERE shard = ?", (shard,))
        connection.execute("DELETE FROM log_tile WHERE shard = ?", (shard,))
        for number in range(size // 256):
            tile = b"".join(tree[number * 256 : number * 256 + 256])
            connection.execute("INSERT INTO log_tile VALUES (?, 0, ?, ?)", (shard, number, tile))
        connection.execute(
            "INSERT INTO log_group(shard, first_index, count, entries) VALUES (?, 0, ?, ?)",
            (shard, size, joined(leaves)),
        )
        last = json.loads(leaves[-1])["ts"]
        connection.execute(
            "UPDATE log_shard SET size = ?, root = ?, frontier = ?, last_ts = ? WHERE shard = ?",
            (size, top, b"".join(frontier(tree)), last, shard),
        )
        if sign:
            text = note(origin, size, top, folder / "keys" / f"log-{shard}")
            connection.execute(
                "UPDATE log_shard SET note = ?, note_size = ? WHERE shard = ?", (text, size, shard)
            )


def flip(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


# --- bundles ----------------------------------------------------------------------------------


def unpack(case: Path) -> Files:
    with zipfile.ZipFile(case) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


def plain(name: str, kind: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr = 3, kind << 16
    return info


def pack(case: Path, files: Files) -> None:
    with zipfile.ZipFile(case, "w") as archive:
        for name, data in files.items():
            archive.writestr(plain(name), data)


def with_inventory(files: Files, keys: Path) -> Files:
    """The same with an inventory that names the files as they are now, signed by the operator."""
    others = {name: data for name, data in files.items() if name != "inventory.jws"}

    def change(members: dict[str, Any]) -> None:
        members["files"] = [
            [name, len(data), hashlib.sha256(data).hexdigest()] for name, data in others.items()
        ]

    return {**others, "inventory.jws": signed_again(files["inventory.jws"], change, keys / "bus")}


def acts(data: bytes) -> list[tuple[int, int, bytes, bytes]]:
    found = []
    while data:
        index, sort, salt, size = struct.unpack_from(">QB32sI", data)
        found.append((index, sort, salt, data[45 : 45 + size]))
        data = data[45 + size :]
    return found


def joined_acts(found: list[tuple[int, int, bytes, bytes]]) -> bytes:
    return b"".join(
        struct.pack(">QB32sI", index, sort, salt, len(data)) + data
        for index, sort, salt, data in found
    )


def to_hash(leaf: bytes) -> bytes:
    """A leaf of a leaves file that is not shown."""
    return b"\0\0" + sha(b"\x00" + leaf)

"""docs/evidence.md is enough to read a bundle: a reader written from that page alone.

Nothing of ours parses here; what is ours makes the bundle, and is asked for its limits at the end.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from registry.signed_changes import AHEAD_MS_MAX, OLD_MS_MAX
from sealway.audit import container, selection
from signing.changes import CHANGE_BYTES_MAX
from tests.attacks.deeds import live, signed_grant
from tests.attacks.tools import Files, acts, root, sha, unb64u
from tests.support.recorded_bus import RecordedBus

PAGE = (Path(__file__).parents[4] / "docs" / "evidence.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    return live(tmp_path_factory.mktemp("bus") / "bus", signed_grant)


@pytest.fixture(scope="module")
def files(made: RecordedBus) -> Files:
    """*Container*: files one after the other, headers of one spelling, nothing between."""
    data = (made.folder / "case.zip").read_bytes()
    found: Files = {}
    lines, at = [], 0
    while data[at : at + 4] == b"PK\3\4":
        need, flags, method, time, date, crc, packed, size, length, extra = struct.unpack(
            "<HHHHHIIIHH", data[at + 4 : at + 30]
        )
        assert (need, flags, method, time, date, extra) == (20, 0, 0, 0, 0x21, 0)
        assert packed == size
        name, start = data[at + 30 : at + 30 + length], at + 30 + length
        found[name.decode("ascii")] = data[start : start + size]
        lines.append(
            struct.pack("<4sHHHHHHIII", b"PK\1\2", 0x0314, 20, 0, 0, 0, 0x21, crc, packed, size)
            + struct.pack("<HHHHHII", length, 0, 0, 0, 0, 0o100644 << 16, at)
            + name
        )
        at = start + size
    directory = b"".join(lines)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(lines), len(lines), len(directory), at, 0)
    assert data[at:] == directory + end
    return found


def jws(raw: bytes, typ: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = raw.split(b".")
    head = json.loads(unb64u(header.decode()))
    assert head["typ"] == typ
    return head, json.loads(unb64u(payload.decode()))


def holds(raw: bytes, key: Any) -> bool:
    said, _, signature = raw.rpartition(b".")
    both = unb64u(signature.decode())
    numbers = int.from_bytes(both[:32], "big"), int.from_bytes(both[32:], "big")
    key.verify(encode_dss_signature(*numbers), said, ec.ECDSA(hashes.SHA256()))
    return True


def leaves(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        (size,) = struct.unpack(">H", data[at : at + 2])
        found.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def of_log(files: Files, n: int) -> tuple[list[bytes], dict[int, tuple[int, bytes, bytes]]]:
    """All leaves and acts; each act is what its leaf commits to."""
    found: list[bytes] = []
    told: dict[int, tuple[int, bytes, bytes]] = {}
    while (name := f"log/{n}/{len(found):012d}.leaves") in files:
        part = files.get(name.replace("leaves", "acts"), b"")
        told |= {index: (sort, salt, data) for index, sort, salt, data in acts(part)}
        found += leaves(files[name])
    for index, (sort, salt, data) in told.items():
        size = int.from_bytes(data[:8], "big") if sort == 2 else len(data)
        envelope = data[8 : 8 + size] if sort == 2 else data
        env = base64.urlsafe_b64encode(hmac.digest(salt, envelope, "sha256")).rstrip(b"=")
        assert json.loads(found[index])["env"] == env.decode()
    return found, told


def test_a_bundle_is_read_by_the_page_alone(made: RecordedBus, files: Files) -> None:
    # 2: log 0's root
    text, _, signatures = files["log/0/checkpoint"].decode().partition("\n\n")
    origin, size, top = text.split("\n")
    zero, records = of_log(files, 0)
    assert (origin, int(size)) == ("sx.example/log/0", len(zero))
    assert base64.b64decode(top) == root([sha(b"\0" + leaf) for leaf in zero])
    assert signatures.startswith(f"— {origin} ")
    # 3: records, under the key of leaf 0, and what they tell
    first = jws(records[0][2], "sealway-record+jws")[1]["after"]
    certificate = x509.load_der_x509_certificate(unb64u(first["certificate"]))
    key = certificate.public_key()
    kinds = [json.loads(leaf)["k"] for leaf in zero]
    of_range = {"registry", "trust", "policy", "shard", "heads"}
    assert sorted(records) == [at for at, kind in enumerate(kinds) if kind in of_range]
    told = {}
    for index, (sort, _, data) in records.items():
        assert sort == 3
        assert holds(data, key)
        told[index] = jws(data, "sealway-record+jws")[1]
        assert told[index]["k"] == kinds[index]
    version = 0
    for leaf in map(json.loads, zero):
        version += leaf["k"] in ("registry", "trust", "policy")
        assert leaf["reg"] == version
    # 4: the inventory
    raw = files["inventory.jws"]
    assert holds(raw, key)
    said = jws(raw, "sealway-bundle+jws")[1]
    assert set(said) == set(re.findall(r"\w+", "v bus log_key made by selection range logs files"))
    others = [
        [name, len(data), hashlib.sha256(data).hexdigest()]
        for name, data in files.items()
        if name != "inventory.jws"
    ]
    assert said["files"] == others
    assert list(files)[-1] == "inventory.jws"
    # 5: the range's heads
    end = said["range"][1]
    heads = {one["n"]: one for one in told[end]["after"]}
    opened = {one["after"]["n"] for one in told.values() if one["k"] == "shard"}
    assert opened == {n for n, _, _ in said["logs"]} == {1}
    traffic, messages = of_log(files, 1)
    assert said["logs"] == [[1, 0, heads[1]["size"]]] == [[1, 0, len(traffic)]]
    top_1 = root([sha(b"\0" + leaf) for leaf in traffic])
    assert base64.b64decode(heads[1]["root"]) == top_1
    # 6: acts and parts
    assert sorted(messages) == list(range(len(traffic)))
    for index, (sort, _, data) in messages.items():
        assert sort == 2
        check_parts(json.loads(traffic[index]), data)


def check_parts(leaf: dict[str, Any], frame: bytes) -> None:
    size = int.from_bytes(frame[:8], "big")
    manifest = jws(frame[8 : 8 + size], "sealway-message+jws")[1]
    assert (manifest["kind"], manifest["from"]) == (leaf["k"], leaf["from"])
    at = 8 + size
    pieces = []
    while at < len(frame):
        length = int.from_bytes(frame[at : at + 8], "big")
        pieces.append(frame[at + 8 : at + 8 + length])
        at += 8 + length
    salt, *parts = pieces
    assert len(parts) == len(manifest["parts"])
    for spec, part in zip(manifest["parts"], parts, strict=True):
        info = b"sealway/part/v1" + spec["name"].encode()
        key = HKDFExpand(hashes.SHA256(), 32, info).derive(salt)
        commit = base64.urlsafe_b64encode(hmac.digest(key, part, "sha256")).rstrip(b"=").decode()
        assert (spec["size"], spec["commit"]) == (len(part), commit)


def test_a_signed_change_is_what_the_page_says(files: Files) -> None:
    _, records = of_log(files, 0)
    found = [jws(data, "sealway-record+jws")[1] for _, _, data in records.values()]
    (record,) = (one for one in found if "signed_change" in one)
    head, said = jws(record["signed_change"].encode(), "sealway-change+jws")
    assert said == {
        "v": 1, "bus": "sx.example", "about": record["about"], "after": record["after"],
    }  # fmt: skip
    (der,) = (
        one["after"]["certificate"] for one in found if one["about"]["key"] == head["x5t#S256"]
    )
    key = x509.load_der_x509_certificate(unb64u(der)).public_key()
    assert holds(record["signed_change"].encode(), key)


def test_the_pages_numbers_are_those_of_the_code() -> None:
    assert (container.FILES_MAX, container.FILE_BYTES_MAX) == (65_534, 32 * 2**20)
    assert f"at most {container.FILES_MAX:,} files, 4 GiB, 32 MiB for one file" in TEXT
    assert f"at most {container.NAME_CHARS_MAX} characters" in TEXT
    assert f"`{container._NAME.pattern}`".replace("(?:", "(") in TEXT
    assert f"a ratio of at most {container.RATIO_MAX}" in TEXT
    assert f"At most {CHANGE_BYTES_MAX // 1024} KiB" in TEXT
    assert f"at most {OLD_MS_MAX // 3_600_000} hours before" in TEXT
    assert f"{AHEAD_MS_MAX // 60_000} minutes after" in TEXT


def test_the_page_names_every_member_of_a_selection() -> None:
    section = PAGE.partition("## Selections")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert rows == {*selection._PARSERS, *selection._PLAIN}

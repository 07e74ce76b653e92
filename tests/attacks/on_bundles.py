"""Attacks on an evidence bundle: bytes, files, the container, and an operator who signs again."""

import hashlib
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.tools import (
    acts,
    flip,
    joined,
    joined_acts,
    pack,
    plain,
    root,
    sha,
    signed_again,
    split,
    to_hash,
    unpack,
    with_inventory,
)
from tests.attacks.tools import note as signed_note

Acts = list[tuple[int, int, bytes, bytes]]
LEAVES = "log/1/000000000000.leaves"
ACTS = "log/1/000000000000.acts"
ZERO = "log/0/000000000000.leaves"
ZERO_ACTS = "log/0/000000000000.acts"


def flipped_byte(case: Path) -> None:
    data = case.read_bytes()
    case.write_bytes(flip(data, len(data) // 2))


def flipped_entry_bundle(case: Path) -> None:
    files = unpack(case)
    files[LEAVES] = flip(files[LEAVES], 40)
    pack(case, files)


def flipped_record(case: Path) -> None:
    files = unpack(case)
    files[ZERO_ACTS] = flip(files[ZERO_ACTS], 700)
    pack(case, files)


def sign(case: Path, files: dict[str, bytes]) -> None:
    pack(case, with_inventory(files, case.parent / "keys"))


def flipped_record_signed(case: Path) -> None:
    files = unpack(case)
    found = acts(files[ZERO_ACTS])
    index, sort, salt, data = found[4]
    found[4] = index, sort, salt, flip(data, 300)
    files[ZERO_ACTS] = joined_acts(found)
    sign(case, files)


def left_out(case: Path) -> None:
    """A matching message is not handed over; the operator signs that this is all."""
    files = unpack(case)
    found = acts(files[ACTS])
    del found[6]
    files[ACTS] = joined_acts(found)
    sign(case, files)


def _access(case: Path, change: Callable[[Acts, int], None]) -> None:
    """Change the record of an export, the one that this bundle was made by."""
    files = unpack(case)
    leaves, found = split(files[ZERO]), acts(files[ZERO_ACTS])
    at = next(at for at, one in enumerate(found) if json.loads(leaves[one[0]])["k"] == "export")
    change(found, at)
    files[ZERO_ACTS] = joined_acts(found)
    sign(case, files)


def access_left_out(case: Path) -> None:
    """Who took the bundle away is not told."""

    def change(found: Acts, at: int) -> None:
        del found[at]

    _access(case, change)


def access_by_another(case: Path) -> None:
    """Somebody else is said to have taken it, under the bus's own record key."""

    def change(found: Acts, at: int) -> None:
        index, sort, salt, data = found[at]
        key = case.parent / "keys" / "bus"
        told = signed_again(data, lambda members: members.update(actor="person:another"), key)
        found[at] = index, sort, salt, told

    _access(case, change)


def access_said_to_be_gone(case: Path) -> None:
    def change(found: Acts, at: int) -> None:
        found[at] = found[at][0], 0, bytes(32), b"erased"

    _access(case, change)


def said_to_be_gone(case: Path) -> None:
    """The operator pretends that it was erased: not proven any more, and not false."""
    files = unpack(case)
    found = acts(files[ACTS])
    found[6] = found[6][0], 0, bytes(32), b"erased"
    files[ACTS] = joined_acts(found)
    sign(case, files)


def leaf_hidden(case: Path) -> None:
    files = unpack(case)
    leaves = split(files[LEAVES])
    found = [one for one in acts(files[ACTS]) if one[0] != 6]
    files[LEAVES] = joined(leaves[:6]) + to_hash(leaves[6]) + joined(leaves[7:])
    files[ACTS] = joined_acts(found)
    sign(case, files)


def leaf_removed(case: Path) -> None:
    files = unpack(case)
    leaves = split(files[LEAVES])
    files[LEAVES] = joined([*leaves[:6], *leaves[7:]])
    sign(case, files)


def leaves_swapped(case: Path) -> None:
    files = unpack(case)
    leaves = split(files[LEAVES])
    leaves[6], leaves[8] = leaves[8], leaves[6]
    files[LEAVES] = joined(leaves)
    sign(case, files)


def parts_swapped(case: Path) -> None:
    """Two messages' bytes under each other's leaves."""
    files = unpack(case)
    found = acts(files[ACTS])
    a, b = found[4], found[6]
    found[4], found[6] = (a[0], *b[1:]), (b[0], *a[1:])
    files[ACTS] = joined_acts(found)
    sign(case, files)


def flipped_envelope(case: Path) -> None:
    """In the signature of a message, so that it still decodes."""
    files = unpack(case)
    found = acts(files[ACTS])
    index, sort, salt, data = found[4]
    last = 8 + int.from_bytes(data[:8], "big") - 4
    letter = b"A" if data[last : last + 1] != b"A" else b"B"
    found[4] = index, sort, salt, data[:last] + letter + data[last + 1 :]
    files[ACTS] = joined_acts(found)
    sign(case, files)


def flipped_leaf_signed(case: Path) -> None:
    """A leaf's random number is another; everything in the bundle made to fit but log 0."""
    files = unpack(case)
    leaves = split(files[LEAVES])
    told = json.loads(leaves[6])
    told["n"] = "A" * 22
    leaves[6] = json.dumps(told, separators=(",", ":")).encode()
    files[LEAVES] = joined(leaves)
    sign(case, files)


def broken_stamp(case: Path) -> None:
    files = unpack(case)
    name = next(name for name in files if name.endswith(".tsr"))
    files[name] = flip(files[name])
    sign(case, files)


def flipped_part(case: Path) -> None:
    files = unpack(case)
    found = acts(files[ACTS])
    index, sort, salt, data = found[4]
    found[4] = index, sort, salt, flip(data)
    files[ACTS] = joined_acts(found)
    sign(case, files)


def shard_left_out(case: Path) -> None:
    files = unpack(case)

    def change(members: dict[str, Any]) -> None:
        members["logs"] = []

    kept = {name: data for name, data in files.items() if not name.startswith("log/1/")}
    kept["inventory.jws"] = signed_again(
        kept["inventory.jws"], change, case.parent / "keys" / "bus"
    )
    sign(case, kept)


def narrower_selection(case: Path) -> None:
    """The bundle says that less was asked for than it holds."""
    files = unpack(case)

    def change(members: dict[str, Any]) -> None:
        members["selection"] = {"form": "full", "kind": ["response"]}

    files["inventory.jws"] = signed_again(
        files["inventory.jws"], change, case.parent / "keys" / "bus"
    )
    pack(case, files)


def more_than_asked(case: Path) -> None:
    files = unpack(case)
    sign(case, {**files, "log/7/000000000000.leaves": b"\0\1x"})


def inventory_by_nobody(case: Path) -> None:
    files = unpack(case)
    head, payload, signature = files["inventory.jws"].split(b".")
    other = (b"B" if signature[:1] == b"A" else b"A") + signature[1:]
    files["inventory.jws"] = b".".join((head, payload, other))
    pack(case, files)


def tail_cut(case: Path) -> None:
    """Log 0 as it was before, under its own key: the range's end is gone."""
    files = unpack(case)
    leaves = split(files[ZERO])[:-1]
    tree = [sha(b"\x00" + leaf) for leaf in leaves]
    files[ZERO] = joined(leaves)
    files[ZERO_ACTS] = joined_acts([one for one in acts(files[ZERO_ACTS]) if one[0] < len(leaves)])
    text = signed_note("sx.example/log/0", len(leaves), root(tree), case.parent / "keys" / "log-0")
    files["log/0/checkpoint"] = text.encode()
    sign(case, files)


def forked_zero(case: Path) -> None:
    """Log 0 with another last leaf, signed by log 0's key: what a witness saw was another."""
    files = unpack(case)
    leaves = split(files[ZERO])
    where = next(
        at for at in reversed(range(len(leaves))) if json.loads(leaves[at])["k"] == "export"
    )
    told = json.loads(leaves[where])
    told["n"] = "A" * 22
    leaves[where] = json.dumps(told, separators=(",", ":")).encode()
    tree = [sha(b"\x00" + leaf) for leaf in leaves]
    files[ZERO] = joined(leaves)
    text = signed_note("sx.example/log/0", len(leaves), root(tree), case.parent / "keys" / "log-0")
    files["log/0/checkpoint"] = text.encode()
    sign(case, files)


# --- the container ----------------------------------------------------------------------------


def _added(case: Path, info: zipfile.ZipInfo, data: bytes) -> None:
    files = unpack(case)
    with zipfile.ZipFile(case, "w") as archive:
        for name, content in files.items():
            archive.writestr(plain(name), content)
        archive.writestr(info, data)


def climbing_path(case: Path) -> None:
    _added(case, plain("../../evil"), b"x")


def absolute_path(case: Path) -> None:
    _added(case, plain("/tmp/evil"), b"x")


def link(case: Path) -> None:
    _added(case, plain("log/1/link", 0o120777), b"/etc/passwd")


def duplicate(case: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _added(case, plain("inventory.jws"), b"x")


def bomb(case: Path) -> None:
    info = plain("log/1/bomb")
    info.compress_type = zipfile.ZIP_DEFLATED
    _added(case, info, bytes(30_000_000))


def other_method(case: Path) -> None:
    info = plain("log/1/lzma")
    info.compress_type = zipfile.ZIP_LZMA
    _added(case, info, b"x" * 1000)


def overlap(case: Path) -> None:
    """Two names in the directory for one place."""
    data = case.read_bytes()
    end = struct.unpack("<4sHHHHIIH", data[-22:])
    body, directory = data[: end[6]], data[end[6] : -22]
    first = directory[: 46 + int.from_bytes(directory[28:30], "little")]
    twin = first[:46] + b"log/0/checkpoinu"
    directory += twin
    count = end[3] + 1
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(directory), end[6], 0)
    case.write_bytes(body + directory + tail)


def gap(case: Path) -> None:
    data = case.read_bytes()
    end = struct.unpack("<4sHHHHIIH", data[-22:])
    tail = struct.pack("<4sHHHHIIH", *end[:6], end[6] + 64, 0)
    case.write_bytes(data[: end[6]] + bytes(64) + data[end[6] : -22] + tail)


def cut_short(case: Path) -> None:
    case.write_bytes(case.read_bytes()[:-100])


def repacked(case: Path) -> None:
    """Packed anew by an ordinary tool, smaller: the same files, so the same verdict."""
    files = unpack(case)
    with zipfile.ZipFile(case, "w") as archive:
        for name, data in files.items():
            info = plain(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)


# --- reports ----------------------------------------------------------------------------------


def edited_report(folder: Path) -> None:
    """The verdict, in the file and in the page, after it was signed."""
    for name in ("report.json", "report.html"):
        file = folder / name
        file.write_text(file.read_text("utf-8").replace("operator-asserted", "member-signed"))
    page = hashlib.sha256((folder / "report.html").read_bytes()).hexdigest()
    told = json.loads((folder / "report.json").read_text())
    told["files"]["report.html"] = page
    (folder / "report.json").write_text(json.dumps(told, indent=1) + "\n")

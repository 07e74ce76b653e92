"""Tiles and entries over HTTP: a stranger with a few lines of code rebuilds the whole log."""

import base64
import hashlib

import pytest

from sealway.verify.tiles import prove_consistency, prove_inclusion, prove_receipt
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, parse_checkpoint
from signing.log.merkle import leaf_hash
from signing.log.note import note_text
from signing.log.tiles import TilePlace
from tests.support.agencies import BENEFITS
from tests.support.http import AUDITOR, FOUNDER, OPERATOR, Edge, code_of, integrator


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root_of(row: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it stands there."""
    if len(row) == 1:
        return row[0]
    split = 1
    while split * 2 < len(row):
        split *= 2
    return sha(b"\x01" + root_of(row[:split]) + root_of(row[split:]))


def number_path(number: int) -> str:
    return f"{number:03d}" if number < 1000 else f"x{number // 1000:03d}/{number % 1000:03d}"


async def fetch(edge: Edge, path: str, who: str | None = None) -> bytes:
    response = await edge.get(path, who)
    assert response.status_code == 200, path
    assert response.headers["content-type"] == "application/octet-stream"
    return response.content


async def rebuilt(edge: Edge, n: str) -> tuple[int, bytes, bytes]:
    """Size, the checkpoint's root, and the root over the entries that were served."""
    _, size_line, root_line, *_ = (await edge.get(f"/log/{n}/checkpoint")).text.split("\n")
    size, leaves = int(size_line), []
    for first in range(0, size, 256):
        width = min(256, size - first)
        name = number_path(first // 256) + ("" if width == 256 else f".p/{width}")
        bundle = await fetch(edge, f"/log/{n}/tile/entries/{name}", AUDITOR)
        tile = await fetch(edge, f"/log/{n}/tile/0/{name}")
        here = []
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            here.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
        assert b"".join(sha(b"\x00" + leaf) for leaf in here) == tile
        leaves += here
    return size, base64.b64decode(root_line), root_of([sha(b"\x00" + leaf) for leaf in leaves])


@pytest.mark.parametrize("n", ["0", "1"])
async def test_a_whole_log_rebuilt_from_its_entries_is_what_the_checkpoint_says(
    edge: Edge, n: str
) -> None:
    await edge.send(edge.running.ask(), prefer="wait=5")
    size, root, rebuilt_root = await rebuilt(edge, n)
    assert size > 1
    assert rebuilt_root == root


async def test_with_full_tiles_too(edge: Edge) -> None:
    for _ in range(130):  # two leaves each at least
        await edge.send(edge.running.ask(), prefer="wait=5")
    size, root, rebuilt_root = await rebuilt(edge, "1")
    assert size > 256
    assert rebuilt_root == root
    full = await edge.get("/log/1/tile/0/000")
    assert len(full.content) == 8192
    assert full.headers["cache-control"] == "public, max-age=31536000, immutable"
    above = await edge.get("/log/1/tile/1/000.p/1")
    assert above.content == root_of([full.content[i : i + 32] for i in range(0, 8192, 32)])
    assert above.headers["cache-control"] == "public, max-age=10"
    narrow = await edge.get("/log/1/tile/0/000.p/7")  # still there when the full one is
    assert narrow.content == full.content[: 7 * 32]
    entries = await edge.get("/log/1/tile/entries/000", AUDITOR)
    assert entries.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert (await edge.get("/log/1/checkpoint")).headers["cache-control"] == "public, max-age=1"
    await check_proofs(edge, size)


async def check_proofs(edge: Edge, size: int) -> None:
    checkpoint = parse_checkpoint(note_text((await edge.get("/log/1/checkpoint")).text))
    places = [TilePlace(0, 0), TilePlace(0, 1, size - 256), TilePlace(1, 0, 1)]
    tiles = {place: await fetch(edge, f"/log/1/{place.path}") for place in places}
    hashes = [tiles[places[0]][i : i + 32] for i in range(0, 8192, 32)]
    for old in (1, 255, 256):
        before = Checkpoint(checkpoint.origin, old, root_of(hashes[:old]))
        assert prove_consistency(before, checkpoint, tiles.__getitem__)
    other = Checkpoint(checkpoint.origin, 200, root_of(hashes[1:201]))
    with pytest.raises(ProofInvalid):
        prove_consistency(other, checkpoint, tiles.__getitem__)
    with pytest.raises(ProofInvalid):
        prove_inclusion(hashes[3], 4, checkpoint, tiles.__getitem__)


async def test_a_receipt_is_proven_again_under_a_later_checkpoint(edge: Edge) -> None:
    reply = await edge.send(edge.running.ask())
    receipt = str(reply.json()["receipt"])
    await edge.send(edge.running.ask(), prefer="wait=5")
    later = parse_checkpoint(note_text((await edge.get("/log/1/checkpoint")).text))
    place = TilePlace(0, 0, later.size)
    tile = await fetch(edge, f"/log/1/{place.path}")
    assert prove_receipt(receipt, later, lambda _: tile)
    lied = bytearray(tile)
    lied[32] ^= 1  # the sibling of leaf 0
    with pytest.raises(ProofInvalid):
        prove_receipt(receipt, later, lambda _: bytes(lied))
    with pytest.raises(ProofInvalid):
        prove_receipt(receipt, later, lambda _: tile[:-32])
    other = Checkpoint(later.origin.replace("/log/1", "/log/2"), later.size, later.root)
    with pytest.raises(ProofInvalid):
        prove_receipt(receipt, other, lambda _: tile)


@pytest.mark.parametrize(
    "path",
    [
        "/log/0/tile/0/001.p/1",
        "/log/0/tile/0/000",
        "/log/0/tile/0/000.p/255",
        "/log/0/tile/1/000.p/1",
        "/log/0/tile/63/000.p/1",
        "/log/0/tile/0/0",
        "/log/0/tile/0/000.p/0",
        "/log/0/tile/x/000.p/1",
        "/log/0/tile/0",
        "/log/7/tile/0/000.p/1",
        "/log/0.1/tile/0/000.p/1",
        "/log/x/tile/0/000.p/1",
    ],
)
async def test_what_is_not_there_is_not_found(edge: Edge, path: str) -> None:
    assert code_of(await edge.get(path)) == "not-found"
    assert code_of(await edge.get(path.replace("/tile/0/", "/tile/entries/"))) == "not-found"


async def test_entries_are_for_auditors_alone(edge: Edge) -> None:
    path = "/log/0/tile/entries/000.p/1"
    assert (await edge.get(path, AUDITOR)).status_code == 200
    assert code_of(await edge.get(path)) == "not-found"
    for who in (BENEFITS, FOUNDER, OPERATOR, integrator("sx/GOV/1001")):
        assert code_of(await edge.get(path, who)) == "not-found"
    bad = {"authorization": "Bearer nobodys"}
    assert code_of(await edge.get(path, headers=bad)) == "not-found"


async def test_what_is_committed_and_not_signed_is_not_shown(edge: Edge) -> None:
    writer = edge.running.writers[1]
    await edge.send(edge.running.ask(), prefer="wait=5")
    size = writer.head.size
    assert (await edge.get(f"/log/1/tile/0/000.p/{size}")).status_code == 200
    signed = writer.signed
    assert signed is not None
    writer._sealing.signed = type(signed)(size - 1, signed.note)
    assert code_of(await edge.get(f"/log/1/tile/0/000.p/{size}")) == "not-found"
    entries = await edge.get(f"/log/1/tile/entries/000.p/{size}", AUDITOR)
    assert code_of(entries) == "not-found"
    assert (await edge.get(f"/log/1/tile/0/000.p/{size - 1}")).status_code == 200


async def test_a_log_that_another_process_holds_is_shown_too(edge: Edge) -> None:
    await edge.send(edge.running.ask(), prefer="wait=5")
    logs = edge.running.bus.api.logs
    size = edge.running.writers[1].head.size
    wanted = (await edge.get(f"/log/1/tile/0/000.p/{size}")).content
    own, logs._own = logs._own, lambda shard: None  # type: ignore[assignment,method-assign]
    try:
        assert (await edge.get(f"/log/1/tile/0/000.p/{size}")).content == wanted
        assert code_of(await edge.get(f"/log/1/tile/0/000.p/{size + 1}")) == "not-found"
    finally:
        logs._own = own  # type: ignore[method-assign]


async def test_the_bus_says_where_each_log_is(edge: Edge) -> None:
    about = (await edge.get("/.well-known/sealway")).json()
    urls = {one["n"]: one["url"] for one in about["logs"]}
    assert urls == {n: f"{edge.url.rstrip('/')}/log/{n}" for n in (0, 1)}
    leaf = (await edge.get("/log/0/tile/entries/000.p/1", AUDITOR)).content[2:]
    tile = (await edge.get("/log/0/tile/0/000.p/1")).content
    assert leaf_hash(leaf) == tile


async def test_an_address_that_is_spelled_oddly_is_hidden_all_the_same(edge: Edge) -> None:
    for odd in ("%0A", "000%0A", "x%0A/000", "%00"):
        for who in (None, BENEFITS, FOUNDER):
            response = await edge.get(f"/log/0/tile/entries/{odd}", who)
            assert code_of(response) == "not-found"

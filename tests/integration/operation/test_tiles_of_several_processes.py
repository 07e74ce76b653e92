"""Tiles on PostgreSQL: any process shows the log that another holds, as far as it is signed."""

import asyncio

from exchange.operation.preparing import open_successor
from exchange.operation.roles import Role
from signing.log.checkpoint import parse_checkpoint
from signing.log.merkle import leaf_hash, merkle_root
from signing.log.note import note_text
from signing.log.tiles import parse_entries
from tests.integration.operation.test_older_copies import REASON, Signed
from tests.support.agencies import POPULATION
from tests.support.http import AUDITOR, Edge, code_of, edge_of
from tests.support.shared_bus import Start, database, start

__all__ = ["database", "start"]


async def signed_size(edge: Edge, n: str) -> int:
    """The size that this process shows as signed."""
    note = (await edge.get(f"/log/{n}/checkpoint")).text
    return parse_checkpoint(note_text(note)).size


async def test_every_process_shows_every_log(start: Start) -> None:
    holder, other = await start(Role.GATEWAY), await start(Role.GATEWAY)
    held = next(n for n in holder.writers if n > 0)
    for _ in range(3):
        assert await holder.outcome(holder.ask(POPULATION)) == "accepted"
    edges = [edge_of(holder), edge_of(other)]
    async with edges[0].http, edges[1].http:
        for n in ("0", str(held)):
            size = await signed_size(edges[0], n)
            for _ in range(50):  # the holder's note reaches the database a moment later
                if await signed_size(edges[1], n) >= size:
                    break
                await asyncio.sleep(0.1)
            path = f"/log/{n}/tile/0/000.p/{size}"
            tiles = [(await edge.get(path)).content for edge in edges]
            assert tiles[0] == tiles[1]
            bundle = await edges[1].get(f"/log/{n}/tile/entries/000.p/{size}", AUDITOR)
            hashes = [leaf_hash(leaf) for leaf in parse_entries(bundle.content)]
            assert b"".join(hashes) == tiles[1]
            note = (await edges[0].get(f"/log/{n}/checkpoint")).text
            signed = parse_checkpoint(note_text(note))
            assert merkle_root(hashes[: signed.size]) == signed.root
            assert code_of(await edges[1].get(f"/log/{n}/tile/0/000.p/200")) == "not-found"


async def test_a_log_zero_that_was_succeeded_is_shown_beside_its_successor(start: Start) -> None:
    bus = await start(Role.GATEWAY)
    assert await bus.outcome(bus.ask(POPULATION)) == "accepted"
    await bus.close()
    Signed(bus.folder).ahead("sx.example/log/0", 3)
    await open_successor(bus.settings, REASON)
    edge = edge_of(await start(Role.GATEWAY))
    async with edge.http:
        for n in ("0", "0.1", "1"):
            note = (await edge.get(f"/log/{n}/checkpoint")).text
            signed = parse_checkpoint(note_text(note))
            assert signed.origin == f"sx.example/log/{n}"
            path = f"000.p/{signed.size}"
            bundle = await edge.get(f"/log/{n}/tile/entries/{path}", AUDITOR)
            hashes = [leaf_hash(leaf) for leaf in parse_entries(bundle.content)]
            assert merkle_root(hashes) == signed.root
            assert (await edge.get(f"/log/{n}/tile/0/{path}")).content == b"".join(hashes)
        about = (await edge.get("/.well-known/sealway")).json()
        assert about["logs"][0]["url"].endswith("/log/0.1")

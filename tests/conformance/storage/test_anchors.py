"""What any engine promises of anchors: kept, added to, found again, and one process that asks."""

import asyncio
from dataclasses import replace

import pytest

from exchange.storage.port import LeasedStore, Store
from exchange.storage.postgres.store import PostgresStore
from exchange.storage.rows import AnchoringState, AnchorRow
from tests.conformance.storage.conftest import Engine
from tests.conformance.storage.rows import NOW

NOTE = "sx.example/log/0\n5\nAAAA\n\n— sx.example/log/0 AAAA\n"
ROW = AnchorRow(0, 5, NOTE, heads_index=4, heads_at_ms=NOW)
LEASE_MS = 60_000


def whole(store: Store) -> LeasedStore:
    assert hasattr(store, "keep_anchor")
    return store  # type: ignore[return-value]


async def test_what_is_vouched_for_is_added_and_never_taken_back(store: Store) -> None:
    anchors = whole(store)
    await anchors.keep_anchor(ROW)
    cosigned = replace(ROW, note=NOTE + "— w BBBB\n", cosigned_at_ms=NOW + 1)
    await anchors.keep_anchor(cosigned)
    stamped = replace(cosigned, token=b"\x30", stamped_at_ms=NOW + 2)
    await anchors.keep_anchor(replace(ROW, token=b"\x30", stamped_at_ms=NOW + 2))
    await anchors.keep_anchor(replace(ROW, token=b"\x31", stamped_at_ms=NOW + 9))
    await anchors.keep_anchor(ROW)
    assert await store.reads.last_anchor(0, cosigned=True, stamped=True) == stamped


async def test_signatures_of_one_text_are_joined_whoever_brings_them(engine: Engine) -> None:
    async with engine() as store:
        brought = [f"— w{n} BBBB{n}\n" for n in range(6)]
        rows = [replace(ROW, note=NOTE + line) for line in brought]
        await asyncio.gather(*(whole(store).keep_anchor(row) for row in rows))
        again = replace(ROW, note=NOTE + "— w0 BBBB0zz\n")
        other = replace(ROW, note=NOTE.replace("AAAA\n\n", "CCCC\n\n") + "— w9 BBBB9\n")
        for row in (again, other):
            kept = await whole(store).keep_anchor(row)
            assert kept.note.startswith(NOTE)
            assert sorted(kept.note.removeprefix(NOTE).splitlines(keepends=True)) == brought


async def test_anchors_are_found_by_the_time_of_their_heads(store: Store) -> None:
    anchors = whole(store)
    rows = [replace(ROW, size=5 + n, heads_at_ms=NOW + 60_000 * n) for n in range(4)]
    rows[1] = replace(rows[1], cosigned_at_ms=NOW)
    rows[3] = replace(rows[3], cosigned_at_ms=NOW, token=b"\x30", stamped_at_ms=NOW)
    rows.append(replace(ROW, size=9, heads_index=None, heads_at_ms=None))
    for row in (*rows, replace(ROW, log=-1, size=99)):
        await anchors.keep_anchor(row)

    async def found(since_ms: int, cosigned: bool = False, stamped: bool = False) -> list[int]:
        got = await store.reads.anchors(0, since_ms, 3, cosigned=cosigned, stamped=stamped)
        return [row.size for row in got]

    assert await found(NOW) == [5, 6, 7]
    assert await found(NOW + 1) == [6, 7, 8]
    assert await found(NOW, cosigned=True) == [6, 8]
    assert await found(NOW, cosigned=True, stamped=True) == [8]
    assert await found(NOW + 180_001) == []
    for cosigned, stamped, size in ((False, False, 9), (True, False, 8), (True, True, 8)):
        last = await store.reads.last_anchor(0, cosigned=cosigned, stamped=stamped)
        assert last is not None
        assert last.size == size
    assert await store.reads.last_anchor(-2, cosigned=False, stamped=False) is None


async def test_since_when_it_is_asked_for_is_remembered(engine: Engine) -> None:
    async with engine() as store:
        taken = await whole(store).take_anchoring(0, NOW, LEASE_MS, cosigned=True, stamped=False)
        assert taken == AnchoringState(True, NOW, None)
    async with engine() as store:
        later = NOW + 5_000
        taken = await whole(store).take_anchoring(0, later, LEASE_MS, cosigned=True, stamped=True)
        assert taken == AnchoringState(True, NOW, later)
        await whole(store).keep_anchor(replace(ROW, cosigned_at_ms=later + 1))
        await whole(store).keep_anchor(replace(ROW, cosigned_at_ms=later - 1))
        taken = await whole(store).take_anchoring(0, later, LEASE_MS, cosigned=True, stamped=True)
        assert taken == AnchoringState(True, later + 1, later)


async def test_one_process_asks_until_its_lease_ends(engine_name: str, engine: Engine) -> None:
    if engine_name == "sqlite":
        pytest.skip("the lock on the file stands for the lease")
    async with engine() as store, engine() as other:
        assert isinstance(other, PostgresStore)
        other.owner = "another"

        async def take(one: Store, lease_ms: int = LEASE_MS) -> AnchoringState:
            return await whole(one).take_anchoring(0, NOW, lease_ms, cosigned=True, stamped=False)

        assert (await take(store)).is_mine
        assert await take(other) == AnchoringState(False, NOW, None)
        assert (await take(store, -1)).is_mine
        assert (await take(other)).is_mine
        assert not (await take(store)).is_mine

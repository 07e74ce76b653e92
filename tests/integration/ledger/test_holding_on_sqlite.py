"""The holder of logs on SQLite: the file's lock stands for leases; taking raises the epoch."""

import asyncio
from pathlib import Path

import pytest

from exchange.ledger.entries import Placed
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.holding import Holding
from exchange.ledger.log_writer import LogWriter
from exchange.ledger.shards import empty_head
from exchange.storage.sqlite.store import SqliteStore
from tests.support.shared_logs import OneProcess, Site, entry, origin


def begun(writer: LogWriter) -> "asyncio.Future[None]":
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


@pytest.mark.parametrize("lost", [False, True], ids=["held", "taken-away"])
async def test_groups_go_in_and_a_lost_log_is_taken_again(tmp_path: Path, lost: bool) -> None:
    site = Site(tmp_path, 1)
    store = SqliteStore(tmp_path / "data")
    await store.open("sx.example", "sx")
    await store.open_log(empty_head(1, origin(1)))
    process = OneProcess(store, site.marks(), site.keys)
    holding = Holding(
        store, process.open, lambda: [1], site.another, site.freeze, begun, lease_s=None
    )
    await holding.start()
    committer = GroupCommitter(holding, lambda: 0, lambda pairs: None)
    committer.start()
    assert isinstance(await committer.submit(entry(1), 0), Placed)
    first = holding.writer
    if lost:
        await store.set_epoch(1, first.head.epoch + 1, "open")
    placed = await committer.submit(entry(2), 0)
    assert isinstance(placed, Placed)
    assert placed.index == 1
    assert (holding.writer is not first) is lost
    await committer.stop()
    await holding.stop()
    head = await store.reads.head(1)
    assert head is not None
    assert (head.size, head.note_size) == (2, 2)
    await store.close()
    site.close()

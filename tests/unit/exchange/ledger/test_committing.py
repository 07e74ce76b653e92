"""The committer and the log it holds: lost, in doubt, away; no submission is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from exchange.ledger.entries import Duplicate, Outcome, Placed
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.group_commit import GroupCommitter, Submission
from exchange.ledger.log_writer import LogWriter
from exchange.storage.errors import StorageInDoubt, StorageUnavailable
from signing.errors import SealwayError
from tests.support.shared_logs import OneProcess, Site, entry


class Taking:
    """A held log that takes the log again when asked; or can't."""

    def __init__(self, process: OneProcess) -> None:
        self._process = process
        self.held: LogWriter | None = None
        self.asked: list[LogWriter] = []

    @property
    def writer(self) -> LogWriter:
        if self.held is None:
            raise LogUnavailable("No log is held.")
        return self.held

    async def again(self, lost: LogWriter) -> LogWriter:
        self.asked.append(lost)
        head = await self._process.store.take_log(1)
        if head is None:
            self.held = None
            raise LogUnavailable("None is free.")
        self.held = await self._process.open(head)
        return self.held

    def relayed(self, shard: int, end: int) -> None:
        """Nobody asks."""


class Running:
    """A committer that runs, and what it told."""

    def __init__(self, process: OneProcess) -> None:
        self.process = process
        self.version = 0
        self.refreshed = 0
        self.told: list[Outcome] = []
        self.held = Taking(process)
        self.committer = GroupCommitter(
            self.held, lambda: self.version, self._committed, refresh=self._refresh
        )

    def _committed(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        self.told += [outcome for _, outcome in pairs]

    async def _refresh(self) -> bool:
        self.refreshed += 1
        self.version = self.process.store.database.version
        return True

    async def send(self, *numbers: int) -> list[Outcome | SealwayError]:
        """Submit and wait for what becomes of each."""
        futures = [self.committer.submit(entry(number), self.version) for number in numbers]
        outcomes = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 10)
        assert all(isinstance(one, Outcome | SealwayError) for one in outcomes)
        return outcomes  # type: ignore[return-value]


@pytest.fixture
async def running(site: Site) -> AsyncIterator[Running]:
    made = Running(site.process("ours"))
    head = await made.process.store.take_log(1)
    made.held.held = await made.process.open(head)
    made.committer.start()
    yield made
    await made.committer.stop()


async def test_a_group_whose_log_is_lost_goes_to_the_next(running: Running, site: Site) -> None:
    await running.send(1)
    first = running.held.writer
    site.database.owners.clear()
    other = await site.process("theirs").open(
        await site.process("theirs").store.take_log(1)  # type: ignore[arg-type]
    )
    site.database.owners.clear()
    await other.commit([entry(50)], 0)
    outcomes = await running.send(2, 3, 4)
    assert [one.index for one in outcomes if isinstance(one, Placed)] == [2, 3, 4]
    assert running.held.asked == [first]
    assert len(running.told) == 4, "each is handed on once"


@pytest.mark.parametrize(("doubt", "later_is"), [("written", Duplicate), ("unwritten", Placed)])
async def test_a_commit_in_doubt_is_told_and_nothing_follows_before_the_log_is_taken_anew(
    running: Running, doubt: str, later_is: type
) -> None:
    await running.send(1)
    first = running.held.writer
    running.process.store.doubt = doubt
    (doubted,) = await running.send(2)
    assert isinstance(doubted, StorageInDoubt)
    later = await running.send(2, 3)
    assert isinstance(later[0], later_is)
    assert isinstance(later[1], Placed)
    assert running.held.asked == [first]


async def test_while_the_database_is_away_the_same_log_is_kept(running: Running) -> None:
    running.process.store.away = True
    (outcome,) = await running.send(1)
    assert isinstance(outcome, StorageUnavailable)
    running.process.store.away = False
    assert isinstance((await running.send(1))[0], Placed)
    assert running.held.asked == []


async def test_when_no_log_can_be_had_nothing_is_recorded_and_all_are_told(
    running: Running, site: Site
) -> None:
    await running.send(1)
    site.database.owners.clear()
    await site.process("theirs").store.take_log(1)
    outcomes = await running.send(2, 3)
    assert {getattr(one, "code", None) for one in outcomes} == {"log-unavailable"}
    assert site.database.heads[1].size == 1
    with pytest.raises(LogUnavailable):
        running.committer.submit(entry(4), 0)


async def test_a_directory_that_another_process_moved_is_learnt(
    running: Running, site: Site
) -> None:
    await running.send(1)
    site.database.version = 7
    assert isinstance((await running.send(2))[0], Placed)
    assert running.refreshed == 1


async def test_a_directory_that_never_settles_gives_the_group_back(
    running: Running, site: Site
) -> None:
    async def nothing_new() -> bool:
        return False

    site.database.version = 7
    running.committer._refresh = nothing_new
    (outcome,) = await running.send(1)
    assert isinstance(outcome, LogUnavailable)

"""A head is sealed where it was committed, and shown once the event loop knows of it."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.ledger.errors import LedgerError
from exchange.ledger.marks import Mark, Marks, create_marks
from exchange.ledger.sealing import OutcomeUnknown, Sealing
from exchange.storage.rows import ShardHead
from signing.log.merkle import EMPTY_ROOT
from signing.log.note import NoteSigner

ORIGIN = "sx.example/log/1"


class Log:
    """A log as its sealing sees it."""

    def __init__(self) -> None:
        self.head = ShardHead(1, ORIGIN, 1, "open", 0, EMPTY_ROOT, (), 0, 0, None, 0)
        self.failed: LedgerError | None = None

    def freeze(self, reason: LedgerError) -> None:
        self.failed = reason

    async def check_extends(self, size: int, root: bytes) -> None:
        """Every mark is one of this log's states."""

    def of(self, size: int) -> ShardHead:
        """The log's state of that size."""
        return replace(self.head, size=size, root=bytes([size]) * 32)


class Sealed:
    """A log, its marks and its sealing, which has sealed one leaf."""

    def __init__(self, path: Path) -> None:
        create_marks(path)
        self.log, self.marks = Log(), Marks(path)
        self.sealing = Sealing(
            self.log, NoteSigner(ORIGIN, Ed25519PrivateKey.generate()), self.marks, None
        )

    async def first(self) -> None:
        self.log.head = self.log.of(1)
        await self.sealing.seal(1)

    async def commit_elsewhere(self, size: int) -> None:
        """What the thread that commits does; returns when the mark was tried."""
        head = self.log.of(size)
        thread = threading.Thread(target=self.sealing.begin, args=(head,))
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0.05)

    @property
    def mark(self) -> Mark | None:
        return self.marks.of(ORIGIN)

    @property
    def signed_size(self) -> int:
        assert self.sealing.signed is not None
        return self.sealing.signed.size


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Sealed]:
    made = Sealed(tmp_path / "marks")
    yield made
    made.marks.close()


async def test_what_is_sealed_at_once_is_shown_when_the_loop_knows_its_head(sealed: Sealed) -> None:
    await sealed.first()
    await sealed.commit_elsewhere(3)
    assert sealed.mark is not None
    assert (sealed.mark.size, sealed.signed_size) == (3, 1), "the loop doesn't hold that tree yet"
    sealed.log.head = sealed.log.of(3)
    sealed.sealing.known()
    assert sealed.signed_size == 3
    await sealed.sealing.seal(3)
    await sealed.sealing.stop()


async def test_who_waits_for_more_than_was_sealed_at_once_gets_it_after(sealed: Sealed) -> None:
    await sealed.first()
    await sealed.commit_elsewhere(3)
    sealed.log.head = sealed.log.of(5)
    waiting = sealed.sealing.seal(5)
    sealed.sealing.known()
    await waiting
    assert sealed.mark is not None
    assert (sealed.mark.size, sealed.signed_size) == (5, 5)
    await sealed.sealing.stop()


async def test_a_mark_that_was_not_written_is_told_to_who_waits_and_freezes(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sealed.first()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Marks, "advance", refuse)
        await sealed.commit_elsewhere(3)
    sealed.log.head = sealed.log.of(3)
    sealed.sealing.known()
    assert sealed.log.failed is None, "nobody was told yet that it is unknown"
    with pytest.raises(OutcomeUnknown):
        await sealed.sealing.seal(3)
    assert sealed.log.failed is not None
    assert sealed.signed_size == 1
    await sealed.sealing.stop()


async def test_a_mark_that_another_process_moved_is_met_by_the_next_seal(sealed: Sealed) -> None:
    await sealed.first()
    sealed.marks.advance(ORIGIN, (1, bytes([1]) * 32), 2, bytes([2]) * 32)
    await sealed.commit_elsewhere(3)
    assert sealed.signed_size == 1
    sealed.log.head = sealed.log.of(3)
    await sealed.sealing.seal(3)
    assert (sealed.signed_size, sealed.log.failed) == (3, None)
    await sealed.sealing.stop()


async def test_a_log_that_has_sealed_nothing_here_begins_with_the_loop(sealed: Sealed) -> None:
    await sealed.commit_elsewhere(1)
    assert sealed.mark is None
    await sealed.first()
    assert sealed.signed_size == 1
    await sealed.sealing.stop()

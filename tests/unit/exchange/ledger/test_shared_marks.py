"""One mark file, opened by several."""

from pathlib import Path

import pytest

from exchange.ledger.marks import COPIES, SLOT_BYTES, MarkMoved, Marks, create_marks
from signing.log.merkle import EMPTY_ROOT

ONE, TWO = "sx.example/log/1", "sx.example/log/2"
NOTHING = (0, EMPTY_ROOT)


def root(number: int) -> bytes:
    return bytes([number]) * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_marks(tmp_path / "marks")
    return tmp_path / "marks"


def test_what_one_wrote_the_other_reads(path: Path) -> None:
    ours, theirs = Marks(path), Marks(path)
    assert theirs.of(ONE) is None
    ours.advance(ONE, NOTHING, 5, root(5))
    found = theirs.of(ONE)
    assert found is not None
    assert (found.size, found.root) == (5, root(5))
    theirs.advance(ONE, (5, root(5)), 6, root(6))
    assert [(mark.origin, mark.size) for mark in ours.all()] == [(ONE, 6)]


def test_a_mark_that_another_moved_stays_where_it_is(path: Path) -> None:
    ours, theirs = Marks(path), Marks(path)
    ours.advance(ONE, NOTHING, 5, root(5))
    theirs.advance(ONE, (5, root(5)), 9, root(9))
    before = path.read_bytes()
    with pytest.raises(MarkMoved) as moved:
        ours.advance(ONE, (5, root(5)), 7, root(7))
    assert (moved.value.mark.size, moved.value.mark.root) == (9, root(9))
    assert path.read_bytes() == before
    ours.advance(ONE, (9, root(9)), 10, root(10))


def test_the_first_mark_of_a_log_is_the_first(path: Path) -> None:
    ours, theirs = Marks(path), Marks(path)
    ours.advance(ONE, NOTHING, 5, root(5))
    with pytest.raises(MarkMoved):
        theirs.advance(ONE, NOTHING, 3, root(3))
    with pytest.raises(MarkMoved):
        theirs.advance(TWO, (4, root(4)), 5, root(5))


def test_logs_that_two_begin_to_sign_have_places_of_their_own(path: Path) -> None:
    ours, theirs = Marks(path), Marks(path)
    ours.advance(ONE, NOTHING, 1, root(1))
    theirs.advance(TWO, NOTHING, 2, root(2))
    ours.advance(ONE, (1, root(1)), 3, root(3))
    assert len(path.read_bytes()) == 2 * COPIES * SLOT_BYTES
    assert {mark.origin: mark.size for mark in Marks(path).all()} == {ONE: 3, TWO: 2}


def test_two_copies_are_written_in_turn_whoever_writes(path: Path) -> None:
    each = [Marks(path), Marks(path)]
    each[0].advance(ONE, NOTHING, 1, root(1))
    for size in range(2, 6):
        before = path.read_bytes().ljust(COPIES * SLOT_BYTES, b"\0")
        each[size % 2].advance(ONE, (size - 1, root(size - 1)), size, root(size))
        after = path.read_bytes().ljust(COPIES * SLOT_BYTES, b"\0")
        same = [before[at:][:SLOT_BYTES] == after[at:][:SLOT_BYTES] for at in (0, SLOT_BYTES)]
        assert sorted(same) == [False, True], "the earlier mark outlives a torn write"

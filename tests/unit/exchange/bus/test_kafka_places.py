"""Which offset may be committed, whatever order places are released in."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from exchange.bus.kafka.places import Places
from exchange.bus.port import BusRecord, Dispatch
from signing.identifiers import MessageId, SystemId


def record(number: int, payload_bytes: int = 10) -> BusRecord:
    return BusRecord.dispatch(
        Dispatch(
            MessageId(f"m{number}"),
            SystemId("sx/GOV/1/one"),
            "request",
            1,
            number,
            number,
            payload_bytes=payload_bytes,
        )
    )


def holding(count: int, first: int = 0) -> Places:
    places = Places()
    for number in range(first, first + count):
        assert places.take(number, record(number))
    return places


@given(st.permutations(range(8)), st.integers(0, 8))
def test_the_position_is_the_lowest_that_is_not_released(order: list[int], released: int) -> None:
    places = holding(8)
    for offset in order[:released]:
        places.release(offset)
    still = set(order[released:])
    assert places.position() == min(still, default=8)
    assert places.open == len(still)
    assert places.open_bytes == 10 * len(still)


def test_releasing_twice_counts_once() -> None:
    places = holding(2)
    places.release(1)
    places.release(1)
    places.release(77)
    assert (places.open, places.position()) == (1, 0)


def test_what_is_still_held_is_no_news_when_it_is_read_again() -> None:
    places = holding(4)
    places.release(2)
    assert [places.take(number, record(number)) for number in range(5)] == [False] * 4 + [True]
    assert places.position() == 0
    assert places.open == 4


def test_what_was_released_and_committed_is_news_when_it_is_read_again() -> None:
    places = holding(4)
    for offset in (0, 1):
        places.release(offset)
    assert places.position() == 2
    assert places.take(0, record(0))
    assert places.position() == 0


def test_a_topic_made_again_starts_again() -> None:
    places = holding(4, first=1_000)
    assert places.take(0, record(7))
    assert (places.position(), places.open) == (0, 1)


def test_another_record_at_an_offset_that_is_held_is_news() -> None:
    places = holding(4)
    assert places.take(1, record(99))
    places.release(1)
    assert (places.position(), places.open) == (2, 0)


def test_passing_over_a_foreign_record_moves_the_position() -> None:
    places = holding(1)
    places.skip(1)
    places.release(0)
    assert places.position() == 2


def test_a_repeat_with_another_payload_is_the_same_record() -> None:
    places = holding(1)
    again = record(0)
    assert not places.take(0, replace(again, body=replace(again.body, payload_bytes=0)))

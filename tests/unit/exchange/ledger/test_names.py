"""Names of logs and their numbers in tables."""

from dataclasses import replace

import pytest

from exchange.ledger.names import directory_number, log_name, number_of, origin_of
from exchange.ledger.shards import empty_head

PAIRS = [(0, "0"), (1, "1"), (17, "17"), (-1, "0.1"), (-12, "0.12")]


@pytest.mark.parametrize(("number", "name"), PAIRS)
def test_a_number_has_one_name_and_a_name_one_number(number: int, name: str) -> None:
    assert log_name(number) == name
    assert number_of(name) == number
    assert origin_of("sx.example", number) == f"sx.example/log/{name}"


@pytest.mark.parametrize("name", ["", "01", "-1", "0.0", "0.01", "1.1", "0.", "x", "٣", "1" * 11])
def test_what_is_no_name_has_no_number(name: str) -> None:
    assert number_of(name) is None


def test_the_directory_log_in_force_is_the_latest_successor_that_is_open() -> None:
    zero, first, second = (
        replace(empty_head(n, origin_of("sx", n)), state=state)
        for n, state in [(0, "frozen"), (-1, "open"), (-2, "frozen")]
    )
    traffic = empty_head(3, "sx/log/3")
    assert directory_number([zero, first, traffic]) == -1
    assert directory_number([traffic, zero, first, second]) == -1
    assert directory_number([zero, traffic]) == 0, "frozen, and still the one to read"
    assert directory_number([traffic]) == 0
    assert directory_number([replace(zero, state="open"), first]) == -1

"""The agent says no with the bus's own codes: one meaning, one status, one page."""

from adapters.agent.problems import ROWS
from exchange.api.problems import PROBLEMS, rows_for


def test_every_row_is_one_of_the_buss_own_table() -> None:
    for code, row in ROWS.items():
        assert rows_for(code), code
        if code in PROBLEMS:
            same = PROBLEMS[code]
            assert (row.status, row.title, row.retryable) == (
                same.status,
                same.title,
                same.retryable,
            )

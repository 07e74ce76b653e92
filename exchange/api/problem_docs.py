"""docs/problems.md, made from the problem table.

    python -m exchange.api.problem_docs > docs/problems.md

A test fails while the committed page isn't what this makes.
"""

import sys
from collections.abc import Iterable

from exchange.api.problem_pages import facts
from exchange.api.problems import ATTEMPTS, LOCAL, PROBLEMS, REJECTIONS, Problem

_HEAD = """\
# Problems

Every code that the bus answers, shows in a timeline or exits with, what it means and what to do.
Made from `exchange/api/problems.toml` by `python -m exchange.api.problem_docs`; don't edit it here.

A refusal is an RFC 9457 document (`application/problem+json`). Its `code` is one of these, its
`type` the bus's own page about it, `<public_url>/problems/<code>`. `retryable` means that the same
bytes may be sent again: a message is never accepted twice.
"""


def problems_markdown() -> str:
    """The whole page."""
    sections = (
        ("Refusals, over HTTP", "What a call is answered with.", PROBLEMS.values()),
        (
            "Attempts",
            "In a timeline and in `last_attempt`: one try to reach a provider, no end of it.",
            ATTEMPTS.values(),
        ),
        (
            "Rejections",
            "The `reason` in a provider's signed rejection; the bus answers `rejected` with it.",
            REJECTIONS.values(),
        ),
        (
            "Of commands and the SDK",
            "These never cross the network: they are what a command or an exception says.",
            LOCAL.values(),
        ),
    )
    return _HEAD + "".join(_section(*section) for section in sections)


def _section(title: str, about: str, rows: Iterable[Problem]) -> str:
    return f"\n## {title}\n\n{about}\n" + "".join(_row(row) for row in rows)


def _row(row: Problem) -> str:
    return (
        f"\n### `{row.code}`\n\n**{row.title}.** {facts(row)}.\n\n"
        f"- If you sent or asked: {row.remedy}\n"
        f"- If you run the bus: {row.remedy_operator}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(problems_markdown())

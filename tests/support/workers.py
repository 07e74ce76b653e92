"""Tests in parallel workers: which belong together, and what the workers say in the end.

Tests of one file share what they start, so they stay in one worker; a whole cluster takes every
core there is, so files marked ``xdist_group`` stay together too.
"""

from typing import Any, Final

import pytest

RAN: Final[list[str]] = []
"""The real engines that ran, a line each: by this process, or told by its workers."""

_TOLD: Final = "engines"


def ran(engine: str) -> None:
    """Name a real engine that runs in this test run, to be printed in its last lines."""
    RAN.append(f"engine: {engine}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test without a group of its own gets its file's."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.location[0]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells what it ran."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told[_TOLD] = RAN


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: keep what it told."""
    RAN.extend(getattr(node, "workeroutput", {}).get(_TOLD, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the real engines that ran."""
    for line in sorted(RAN):
        terminalreporter.write_line(line)

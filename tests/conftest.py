"""What holds for every test, and what every test may ask for.

Made-up examples are judged by what they show, never by their time.
"""

import logging
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.kafka_fixtures"]

settings.register_profile("sealway", deadline=None, print_blob=True)
settings.load_profile("sealway")


@pytest.fixture(autouse=True)
def _libraries_log_as_before() -> Iterator[None]:
    """A test that starts a process of the bus in this one leaves no handler of it behind."""
    yield
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler).__module__.startswith("exchange."):
            root.removeHandler(handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the real engines that ran."""
    servers = sys.modules.get("tests.support.postgres")
    for line in servers.RAN if servers is not None else ():
        terminalreporter.write_line(line)

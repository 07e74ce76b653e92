"""What holds for every test, and what every test may ask for.

Made-up examples are judged by what they show, never by their time.
"""

import sys

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.kafka_fixtures"]

settings.register_profile("sealway", deadline=None, print_blob=True)
settings.load_profile("sealway")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the real engines that ran."""
    servers = sys.modules.get("tests.support.postgres")
    for line in servers.RAN if servers is not None else ():
        terminalreporter.write_line(line)

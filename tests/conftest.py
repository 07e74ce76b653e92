"""What holds for every test, and what every test may ask for.

Made-up examples are judged by what they show, never by their time.
"""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.workers", "tests.support.kafka_fixtures"]

settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("seeking", deadline=None, print_blob=True)
settings.load_profile("same")  # --hypothesis-profile seeking --hypothesis-seed N: other examples


@pytest.fixture(autouse=True)
def _libraries_log_as_before() -> Iterator[None]:
    """A test that starts a process of the bus in this one leaves no handler of it behind."""
    yield
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler).__module__.startswith("exchange."):
            root.removeHandler(handler)

"""Each test has a machine of its own, with one traffic log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shared_logs import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A database with log 1."""
    made = Site(tmp_path, 1)
    yield made
    made.close()

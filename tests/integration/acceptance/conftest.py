"""Each test has a bus of its own, wired as the real one."""

from tests.support.bus import initialised, running, stopped

__all__ = ["initialised", "running", "stopped"]

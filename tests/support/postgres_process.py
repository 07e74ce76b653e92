"""A PostgreSQL that a run may kill, start again, and put an older copy of its data into."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.support.postgres_server import PostgresServer

START_S: Final = 40.0
GONE_S: Final = 10.0
SETTINGS: Final = {
    "shared_buffers": "48MB",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "max_parallel_workers": "0",
    "autovacuum_naptime": "10s",
    "log_checkpoints": "off",
}


class PostgresProcess:
    """One server; its log goes into a folder that the caller names, its data to a place of its own.

    A restart keeps port and data; a kill is `kill -9` of the server and of its backends.
    """

    def __init__(self, logs: Path) -> None:
        """Lay out an empty data folder. Raises PostgresMissing."""
        self._log = logs / "postgres.log"
        self._server = PostgresServer()
        self._server.lay_out(**SETTINGS)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Its address, with a database that is always there."""
        return self._server.url

    @property
    def pid(self) -> int:
        """The postmaster."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def version(self) -> str:
        """What the program says it is."""
        asked = [self._server.program("postgres"), "--version"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[-1]

    def start(self) -> None:
        """Start, and return when it takes connections; tried again while an old one lingers."""
        end = time.monotonic() + START_S
        while True:
            self._spawn()
            while self._alive() and not self._listens() and time.monotonic() < end:
                time.sleep(0.05)
            if self._alive() and self._listens():
                return
            if time.monotonic() > end:
                self.kill()
                tail = self._log.read_text("utf-8", "replace")[-2_000:]
                raise RuntimeError(f"PostgreSQL did not start:\n{tail}")
            time.sleep(0.2)

    def kill(self) -> None:
        """End it and its backends at once, as a power cut would."""
        process, self._process = self._process, None
        if process is None:
            return
        backends = _children(process.pid)
        process.kill()
        process.wait()
        for pid in backends:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + GONE_S
        while any(_is_alive(pid) for pid in backends) and time.monotonic() < end:
            time.sleep(0.01)

    def close(self) -> None:
        """End it, and take its data away."""
        self.kill()
        self._server.remove()

    def keep(self) -> None:
        """Copy the data, in the place of an earlier copy; nothing runs meanwhile."""
        self._replace(self._data, self._copy)

    def put_back(self) -> None:
        """Put the copy in the place of the data; the copy stays."""
        self._replace(self._copy, self._data)

    @property
    def _data(self) -> Path:
        return self._server.folder / "data"

    @property
    def _copy(self) -> Path:
        return self._server.folder / "copy"

    def _replace(self, source: Path, target: Path) -> None:
        assert self._process is None, "a copy of running data is worth nothing"
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)

    def _spawn(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._server.command,
                user=self._server.account,
                cwd=self._server.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the run, which then ends it in order
            )

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _listens(self) -> bool:
        where = ["-h", "127.0.0.1", "-p", str(self._server.port)]
        asked = [self._server.program("pg_isready"), "-q", *where]
        return subprocess.run(asked, check=False).returncode == 0


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # a kernel without that list: they notice by themselves
        return []
    return [int(one) for one in text.split()]


def _is_alive(pid: int) -> bool:
    """Whether a process is there, and more than an entry that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

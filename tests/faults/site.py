"""A bus with agencies in a folder of its own: settings, keys, profiles, a database, journals."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from registry.changes import Change
from signing.certificates import der_to_pem
from signing.keys import private_key_pem
from tests.support.agencies import (
    BENEFITS,
    BUS,
    CIVIL,
    NAME_CHANGE,
    PERSON_STATUS,
    POPULATION,
    STATISTICS,
    country,
    everybody,
    service,
)

ROOT: Final = Path(__file__).resolve().parents[2]
LETTERS: Final = "person-letters"
"""The civil registry's third service: over HTTP, safe to repeat."""
SERVICES: Final = (PERSON_STATUS, LETTERS, NAME_CHANGE, POPULATION)
ONCE: Final = frozenset({NAME_CHANGE})
"""Services whose provider must never be called twice for one request."""
PEOPLE: Final = 1_000


@dataclass(frozen=True)
class Site:
    """Paths and ports of one run."""

    folder: Path
    port: int
    letters_port: int

    @property
    def bus(self) -> Path:
        """The bus's folder."""
        return self.folder / ".sealway"

    @property
    def url(self) -> str:
        """Where the bus listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_key(self) -> str:
        """Log 0's verifier key, as `init` printed it."""
        return (self.folder / "log-key").read_text().strip()

    def journal(self, name: str) -> Path:
        """The journal of one process."""
        return self.folder / f"{name}.jsonl"

    def save(self) -> None:
        """Write down what other processes need to find it."""
        ports = {"port": self.port, "letters_port": self.letters_port}
        (self.folder / "site.json").write_text(json.dumps(ports))

    @classmethod
    def load(cls, folder: Path) -> "Site":
        """The site in a folder."""
        ports = json.loads((folder / "site.json").read_text())
        return cls(folder, ports["port"], ports["letters_port"])


def environment(home: Path) -> dict[str, str]:
    """Ours, with the profiles of this bus's folder and without another bus's settings."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SEALWAY_")}
    inherited["PYTHONPATH"] = str(ROOT)
    return {**inherited, "SEALWAY_HOME": str(home)}


def sealway_in(folder: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, with the profiles of a bus."""
    command = [sys.executable, "-m", "sealway", *words]
    return subprocess.run(
        command, cwd=folder, env=environment(home), capture_output=True, text=True, check=False
    )


def sealway(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return sealway_in(site.folder, site.bus, *words)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def make_site(folder: Path) -> Site:
    """Initialise a bus, its providers' files and the profiles; nothing is started."""
    site = Site(folder, *free_ports(2))
    site.save()
    made = sealway(site, "init", str(site.bus), "--port", str(site.port))
    assert made.returncode == 0, made.stderr
    key = next(line for line in made.stdout.splitlines() if line.startswith("log 0's key"))
    (folder / "log-key").write_text(key.split()[-1])
    keys = everybody(time.time_ns() // 1_000_000)
    for system, name in ((BENEFITS, "benefits"), (CIVIL, "civil"), (STATISTICS, "statistics")):
        (site.bus / "keys" / f"{name}.pem").write_bytes(private_key_pem(keys[system].key))
        (site.bus / "keys" / f"{name}.crt").write_bytes(der_to_pem(keys[system].der))
        profile = site.bus / "profiles" / f"{name}.toml"
        profile.write_text(_profile(site, system, name))
    with (site.bus / "sealway.toml").open("a") as file:
        file.write(_settings(site))
    _make_people(folder / "people.db")
    changes = [_change(one) for one in (*country(keys), *_more())]
    (folder / "changes.json").write_text(json.dumps({"changes": changes}))
    return site


def _profile(site: Site, system: str, name: str) -> str:
    return f"""\
url = "{site.url}"
bus = "{BUS}"
instance = "sx"
log_key = "{site.log_key}"
system = "{system}"
key = "../keys/{name}.pem"
certificate = "../keys/{name}.crt"
"""


def _settings(site: Site) -> str:
    return f"""
[hosted."{CIVIL}"]
key = "keys/civil.pem"
certificate = "keys/civil.crt"

[adapters.civil]
kind = "sql"
url = "sqlite:///../people.db"

[adapters.civil.services.{PERSON_STATUS}]
query = "SELECT status FROM people WHERE code = :code"
params = {{ code = "/person_code" }}

[adapters.letters]
kind = "rest"
base = "http://127.0.0.1:{site.letters_port}"

[adapters.letters.services.{LETTERS}]
method = "POST"
path = "/letters"

[adapters.letters.services.{NAME_CHANGE}]
method = "POST"
path = "/changes"

[delivery]
sweep_every_s = 0.2
retry_first_s = 0.2
retry_max_s = 2
breaker_open_s = 1
breaker_open_s_max = 2
fast_path_grace_s = 3
drain_s = 5
"""


def with_egress(site: Site) -> None:
    """List the one host that the rest adapter calls."""
    path = site.bus / "sealway.toml"
    text = path.read_text()
    listed = f'hosts = ["127.0.0.1:{site.letters_port}"]'
    assert "hosts = []" in text
    path.write_text(text.replace("hosts = []", listed))


def _more() -> list[Change]:
    """The services as this site delivers them."""
    letters = {"kind": "adapter", "name": "letters"}
    new = {
        "system": CIVIL,
        "code": LETTERS,
        "title": "A letter to a person",
        "request_schema": {"subject": "question"},
        "response_schema": {"subject": "answer"},
        "delivery": letters,
        "timeout_s": 5,
    }
    grant = {
        "consumer": BENEFITS,
        "system": CIVIL,
        "service": LETTERS,
        "purposes": ["child-benefit"],
        "legal_basis": "Benefits Act, section 4",
        "valid_from": "2020-01-01T00:00:00.000Z",
    }
    changed = service(NAME_CHANGE, delivery=letters, timeout_s=5)
    return [changed, Change("service", new), Change("grant", grant)]


def _change(change: Change) -> dict[str, Any]:
    return {"noun": change.noun, "object": change.object}


def _make_people(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE people (code TEXT PRIMARY KEY, status TEXT NOT NULL)")
        rows = [(str(number), f"status-{number}") for number in range(PEOPLE)]
        connection.executemany("INSERT INTO people VALUES (?, ?)", rows)
    connection.close()


def apply_network(site: Site) -> None:
    """Register everybody over HTTP, with the founder's token."""
    token = (site.bus / "founder.token").read_text().strip()
    request = urllib.request.Request(
        f"{site.url}/v1/changes",
        (site.folder / "changes.json").read_bytes(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        assert reply.status == 200

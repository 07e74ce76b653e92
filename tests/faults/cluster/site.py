"""The site of a cluster: one bus's keys, a folder with settings for each process, profiles, ports.

Each process of the bus reaches PostgreSQL and Kafka through proxies that are its alone, so that
one can be cut off and the others not. Nothing is started here.
"""

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import tomlkit

from exchange.operation.key_files import write_new
from signing.certificates import der_to_pem
from signing.keys import private_key_pem
from tests.faults.cluster.network import CONSUMERS, HOSTED, adapters, changes
from tests.faults.site import environment, free_ports, sealway_in
from tests.support.agencies import BUS, STATISTICS, everybody

GATEWAYS: Final = ("gateway-1", "gateway-2")
DELIVERERS: Final = ("deliverer-1", "deliverer-2")
PROCESSES: Final = (*GATEWAYS, *DELIVERERS)
WEB_PROVIDERS: Final = ("register", "slow", "failing", "hanging")
"""Departments' services over HTTP; each is a process."""
LEASE_S: Final = 3
"""How long a log belongs to a process that says nothing: as short as a run can use it."""
NAMES: Final = {system: system.rpartition("/")[2] for system in (*CONSUMERS, *HOSTED, STATISTICS)}
SETTINGS: Final = {
    "limits": {"heads_every_s": 5, "mailbox_wait_s_max": 10},
    "delivery": {
        "sweep_every_s": 0.5,
        "retry_first_s": 0.3,
        "retry_max_s": 3,
        "fast_path_grace_s": 5,
        "claim_s": 12,
        "expire_grace_s": 1,
        "breaker_open_s": 2,
        "breaker_open_s_max": 3,
        "drain_s": 5,
    },
}


@dataclass(frozen=True)
class ClusterSite:
    """Paths, ports and addresses of one run."""

    folder: Path
    engine: str
    ports: Mapping[str, int]
    """By the name of a process; ``database:NAME`` and ``kafka:NAME`` are its proxies."""
    dsn: str
    """The bus's database, without a proxy."""
    bootstrap: str = ""

    @property
    def bus(self) -> Path:
        """The bus's folder: keys, marks, profiles, and settings without proxies."""
        return self.folder / ".sealway"

    @property
    def has_kafka(self) -> bool:
        """Whether Kafka carries."""
        return self.engine == "kafka"

    def folder_of(self, process: str) -> Path:
        """Where a process of the bus finds its settings."""
        return self.folder / process

    def url(self, gateway: str) -> str:
        """Where a gateway listens; tokens for it are bound to this."""
        return f"http://127.0.0.1:{self.ports[gateway]}"

    def journal(self, name: str) -> Path:
        """The journal of one process."""
        return self.folder / f"{name}.jsonl"

    def log_keys(self) -> list[str]:
        """The keys of log 0 and of its successors, as operators told them, oldest first."""
        return (self.folder / "log-keys").read_text().split()

    def database(self, process: str) -> str:
        """The database's address through a process's own proxy."""
        whole = urlsplit(self.dsn)
        who = whole.netloc.rpartition("@")[0] or "postgres"
        return f"postgresql://{who}@127.0.0.1:{self.ports[f'database:{process}']}{whole.path}"

    def kafka(self, process: str) -> str:
        """Kafka's address through a process's own proxy."""
        return f"127.0.0.1:{self.ports[f'kafka:{process}']}"

    def save(self) -> None:
        """Write down what other processes need to find it."""
        told = {
            "engine": self.engine,
            "ports": dict(self.ports),
            "dsn": self.dsn,
            "bootstrap": self.bootstrap,
        }
        (self.folder / "cluster.json").write_text(json.dumps(told))

    @classmethod
    def load(cls, folder: Path) -> "ClusterSite":
        """The site in a folder."""
        return cls(folder, **json.loads((folder / "cluster.json").read_text()))


def new_ports() -> dict[str, int]:
    """A port for each process and proxy."""
    proxies = [f"{engine}:{name}" for engine in ("database", "kafka") for name in PROCESSES]
    names = [*PROCESSES, *WEB_PROVIDERS, *proxies]
    return dict(zip(names, free_ports(len(names)), strict=True))


def make_cluster_site(site: ClusterSite) -> None:
    """Initialise the bus, then write settings, keys, profiles and the changes of its directory."""
    site.save()
    words = ["init", str(site.bus), "--bus", BUS, "--database", site.dsn, "--founder"]
    words += ["--kafka", site.bootstrap] if site.has_kafka else []
    made = run_sealway(site, *words, "--shards", "4")
    assert made.returncode == 0, made.stdout + made.stderr
    pin_log_key(site, _line_with(made.stdout, "log 0's key").split()[-1])
    keys = everybody(time.time_ns() // 1_000_000)
    for system, name in NAMES.items():
        write_new(site.bus / "keys" / f"{name}.pem", private_key_pem(keys[system].key))
        (site.bus / "keys" / f"{name}.crt").write_bytes(der_to_pem(keys[system].der))
    _write_settings(site)
    write_profiles(site)
    told = [{"noun": one.noun, "object": one.object} for one in changes(keys)]
    (site.folder / "changes.json").write_text(json.dumps({"changes": told}))


def _line_with(text: str, words: str) -> str:
    return next(line for line in text.splitlines() if words in line)


def run_sealway(site: ClusterSite, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line in the site's folder."""
    return sealway_in(site.folder, site.bus, *words)


def process_environment(site: ClusterSite) -> dict[str, str]:
    """Ours, for a process of this run."""
    return environment(site.bus)


def pin_log_key(site: ClusterSite, key: str) -> None:
    """What an operator tells all members by hand: a key of log 0, or of its successor."""
    with (site.folder / "log-keys").open("a") as file:
        file.write(key + "\n")


def write_profiles(site: ClusterSite) -> None:
    """A profile for each system and gateway, with the keys of log 0 and of its successors."""
    pinned = json.dumps(site.log_keys())  # a list of TOML too
    for system, name in NAMES.items():
        for gateway in GATEWAYS:
            text = f"""\
url = "{site.url(gateway)}"
bus = "{BUS}"
instance = "sx"
log_key = {pinned}
system = "{system}"
key = "../keys/{name}.pem"
certificate = "../keys/{name}.crt"
"""
            (site.bus / "profiles" / f"{name}-{gateway}.toml").write_text(text)


def _write_settings(site: ClusterSite) -> None:
    """The bus's own settings, and the same for each process with its own way to the engines."""
    path = site.bus / "sealway.toml"
    whole = tomlkit.parse(path.read_text())
    whole.setdefault("database", tomlkit.table())["lease_s"] = LEASE_S
    whole["database"]["wait_s"] = 20
    if site.has_kafka:
        whole["kafka"].update({"copies": 1, "copies_in_sync_min": 1})
    for table, values in SETTINGS.items():
        whole.setdefault(table, tomlkit.table()).update(values)
    whole["egress"] = {"hosts": [f"127.0.0.1:{site.ports[one]}" for one in WEB_PROVIDERS]}
    whole["adapters"] = adapters({one: site.ports[one] for one in WEB_PROVIDERS})
    whole["hosted"] = {
        system: {
            "key": str(site.bus / "keys" / f"{NAMES[system]}.pem"),
            "certificate": str(site.bus / "keys" / f"{NAMES[system]}.crt"),
        }
        for system in HOSTED
    }
    for name in ("data", "keys", "state"):
        whole[name] = str(site.bus / name)
    path.write_text(_ordered(whole))
    for process in PROCESSES:
        whole["database"]["url"] = site.database(process)
        if site.has_kafka:
            whole["kafka"]["bootstrap"] = site.kafka(process)
        folder = site.folder_of(process)
        folder.mkdir(exist_ok=True)
        (folder / "sealway.toml").write_text(_ordered(whole))


def _ordered(whole: tomlkit.TOMLDocument) -> str:
    """TOML with plain values before tables, whatever was added last."""
    plain = whole.unwrap()
    tables = {key: value for key, value in plain.items() if isinstance(value, dict)}
    values = {key: value for key, value in plain.items() if key not in tables}
    return tomlkit.dumps({**values, **tables})

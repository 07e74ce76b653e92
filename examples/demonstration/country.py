"""The country in small: a bus in a folder, and the agencies around it.

Owns everything that is made before the first question, with the same commands that an operator
and the agencies would type. Everything lies in FOLDER/.sealway. Refuses a folder that the demo
did not make.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

from demonstration.commands import SEALWAY, Commands
from demonstration.processes import Processes, free_port
from demonstration.screen import Screen
from demonstration.stores import SqliteCopy, Store

EXAMPLES = Path(__file__).resolve().parents[1]
BENEFITS = "sx/GOV/1001/benefits"
CIVIL_REGISTRY = "sx/GOV/2002/civil-registry"
TERRITORIES = "sx/GOV/3003/territories"
STATISTICS = "sx/GOV/4004/statistics"

MARK = "demo.json"  # says that the demo made the folder, and with which ports
SAMPLE_REGISTER = "127.0.0.1:9003"
# Where each system keeps its key: an agency with itself, a hosted one with the operator.
KEYS = {
    "agencies/benefits": (BENEFITS, "ES256"),
    "agencies/benefits-shell": (BENEFITS, "Ed25519"),
    "agencies/statistics": (STATISTICS, "ES256"),
    "keys/civil-registry": (CIVIL_REGISTRY, "ES256"),
    "keys/territories": (TERRITORIES, "ES256"),
}


class FolderForeign(Exception):
    """The folder holds something that the demo did not make."""


class Country:
    """One bus with its agencies: where it is, and how to bring it up. The bus is one process."""

    hand = "sqlite3"
    """What somebody would change its database with."""

    def __init__(self, folder: Path, port: int) -> None:
        self.home = folder.absolute() / ".sealway"
        self.port = port
        self.register_port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = _environment(self.home)
        self.commands = Commands(self.environment)
        self.processes = Processes(self.home / "logs", self.environment)

    @property
    def urls(self) -> tuple[str, ...]:
        """Every address of the bus, `url` first."""
        return (self.url,)

    @property
    def log_key(self) -> str:
        """The verifier key of log 0, as `sealway init` wrote it into the founder's profile."""
        profile = (self.home / "profiles" / "founder.toml").read_text("utf-8")
        return str(tomllib.loads(profile)["log_key"])

    def bring_up(self, screen: Screen) -> None:
        """Make the folder, or take up the one made earlier; start register and bus."""
        earlier = self._earlier()
        if earlier is None:
            self._make(screen)
            self.prepare_store(screen)
        else:
            with screen.preparing(f"the bus made earlier in {self.home}"):
                self._move(earlier)
        with screen.preparing(f"territories register and bus are up: {', '.join(self.urls)}"):
            self.start_register()
            self.start_bus()
        if earlier is None:
            self._register_everybody(screen)
        self._mark(complete=True)

    def init_words(self) -> tuple[str, ...]:
        """What `sealway init` is told beside the folder."""
        return ("--port", str(self.port))

    def complete_settings(self, text: str) -> str:
        """What else the operator changes in sealway.toml."""
        return text

    def prepare_store(self, screen: Screen) -> None:
        """What an operator does once before the first start: with one process, nothing."""

    def profiles(self) -> list[tuple[str, str, str]]:
        """The profiles of agencies: name, system, address."""
        return [("benefits", BENEFITS, self.url), ("statistics", STATISTICS, self.url)]

    def store_to_verify(self, scratch: Path) -> Path:
        """What an auditor is given of a bus that has stopped: a copy of its data folder."""
        return Path(shutil.copytree(self.home / "data", scratch / "copy"))

    def store_to_tamper_with(self, scratch: Path) -> Store:
        """A copy of what a bus that has stopped stored, to change a byte of."""
        return SqliteCopy(Path(shutil.copytree(self.home / "data", scratch / "tampered")))

    def start_bus(self) -> None:
        """`sealway serve`, until it can be asked."""
        self.processes.start("bus", [SEALWAY, "serve", str(self.home)])
        self.processes.wait_until_ready("bus", f"{self.url}/readyz")

    def stop_bus(self) -> dict[str, int]:
        """SIGTERM, and how each of its processes ended."""
        return {"bus": self.processes.stop("bus")}

    def start_register(self) -> None:
        """The territories register, an HTTP service that knows nothing of the bus."""
        script = str(EXAMPLES / "territories" / "register.py")
        self.processes.start(
            "register", [sys.executable, script, "--port", str(self.register_port)]
        )
        self.processes.wait_until_ready("register", f"http://127.0.0.1:{self.register_port}/health")

    def start_office(self) -> None:
        """The statistics office, which collects its questions from its mailbox."""
        script = str(EXAMPLES / "statistics" / "office.py")
        self.processes.start("office", [sys.executable, script])

    def _earlier(self) -> dict[str, int] | None:
        try:
            mark = json.loads((self.home / MARK).read_text("utf-8"))
        except FileNotFoundError:
            if self.home.exists() and any(self.home.iterdir()):
                raise FolderForeign(
                    f"{self.home} is there and is not of the demo; choose another --dir."
                ) from None
            return None
        if not mark["complete"]:
            shutil.rmtree(self.home)  # ours, and given up half-way
            return None
        return {name: int(mark[name]) for name in ("port", "register_port")}

    def _mark(self, *, complete: bool) -> None:
        mark = {"port": self.port, "register_port": self.register_port, "complete": complete}
        (self.home / MARK).write_text(json.dumps(mark) + "\n", "utf-8")

    def _move(self, earlier: dict[str, int]) -> None:
        """Other ports than last time: settings and profiles name them."""
        changes = (
            (f"127.0.0.1:{earlier['register_port']}", f"127.0.0.1:{self.register_port}"),
            (f"127.0.0.1:{earlier['port']}", f"127.0.0.1:{self.port}"),
            (f"\nport = {earlier['port']}\n", f"\nport = {self.port}\n"),
        )
        for file in (self.home / "sealway.toml", *(self.home / "profiles").glob("*.toml")):
            text = file.read_text("utf-8")
            for old, new in changes:
                text = text.replace(old, new)
            file.write_text(text, "utf-8")

    def _make(self, screen: Screen) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self._mark(complete=False)
        with screen.preparing("sealway init: settings, keys, the founder's token"):
            self.commands.must("init", str(self.home), *self.init_words())
        with screen.preparing(
            "sealway key new, for each system; a registry of 10,000 made-up people"
        ):
            (self.home / "agencies").mkdir()
            people = str(EXAMPLES / "civil-registry" / "make_people.py")
            database = str(self.home / "agencies" / "civil-registry.db")
            self.commands.must_all(
                [sys.executable, people, database],
                *(
                    [SEALWAY, "key", "new", str(self.home / name), "--system", id_, "--alg", alg]
                    for name, (id_, alg) in KEYS.items()
                ),
            )
        self._write_settings()
        self._write_network()

    def _write_settings(self) -> None:
        """What the operator adds to sealway.toml: adapters, hosted keys, whom they may call."""
        file = self.home / "sealway.toml"
        sample = (EXAMPLES / "server-settings.toml.sample").read_text("utf-8")
        added = re.sub(r"^\[egress\]\n.*?\n\n", "", sample, flags=re.DOTALL | re.MULTILINE)
        text = file.read_text("utf-8").replace(
            "\nhosts = []\n", f'\nhosts = ["{SAMPLE_REGISTER}"]\n'
        )
        text = f"{text}\n{added}".replace(SAMPLE_REGISTER, f"127.0.0.1:{self.register_port}")
        text = self.complete_settings(text)
        assert tomllib.loads(text)["egress"]["hosts"] == [f"127.0.0.1:{self.register_port}"]
        file.write_text(text, "utf-8")

    def _write_network(self) -> None:
        """network.toml with what it names: schemas, and the certificates handed over."""
        folder = self.home / "network"
        (folder / "certificates").mkdir(parents=True)
        shutil.copy(EXAMPLES / "network.toml", folder)
        for name in KEYS:
            made = self.home / f"{name}.cert.pem"
            shutil.copy(
                made, folder / "certificates" / f"{made.name.removesuffix('.cert.pem')}.pem"
            )
        for schemas in EXAMPLES.glob("*/schemas"):
            shutil.copytree(schemas, folder / schemas.parent.name / "schemas")

    def _register_everybody(self, screen: Screen) -> None:
        network = str(self.home / "network" / "network.toml")
        apply = ("apply", network, "--profile", "founder", "--json")
        with screen.preparing("sealway apply network.toml:") as more:
            done = self.commands.must(*apply).json
            more.append(f"{done['changed']} facts in log 0, each signed")
        with screen.preparing(
            "sealway profile add, for each agency that asks: pinned to log 0's key"
        ):
            self.commands.must_all(*(self._profile(*one) for one in self.profiles()))
            self.commands.must("profile", "use", "benefits")

    def _profile(self, name: str, system: str, url: str) -> list[str]:
        made = str(self.home / "agencies" / system.rpartition("/")[2])
        words = [SEALWAY, "profile", "add", url, "--name", name, "--system", system]
        words += ["--key", f"{made}.key.pem", "--certificate", f"{made}.cert.pem"]
        return [*words, "--log-key", self.log_key]


def _environment(home: Path) -> dict[str, str]:
    """Ours, without another bus's settings.

    Where Python may not write what it compiled, each of some thirty processes would compile
    everything again; they share a folder for that instead.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SEALWAY_")}
    if inherited.pop("PYTHONDONTWRITEBYTECODE", ""):
        inherited["PYTHONPYCACHEPREFIX"] = str(home / "compiled")
    return {**inherited, "SEALWAY_HOME": str(home)}

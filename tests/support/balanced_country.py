"""The country of deploy/compose.yaml without containers: its script, its settings, its balancer.

One embedded process stands for the gateways and deliverers (`deployed_cluster` has two of each);
what lies before it and around it is what compose would start. Everything lies in one folder and
ends with the context.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.deployment import DEPLOY, ROOT
from tests.support.kafka_broker import free_port

START_S = 120  # four processes at once, on a machine that is busy with others
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def nginx_missing() -> str | None:
    """Why the balancer can't be had here, or None."""
    return None if nginx() else "needs nginx (Debian: apt-get install nginx-light)"


def nginx() -> str | None:
    """Its program, also where only root's PATH would find it."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


def balancer_text(folder: Path, port: int, gateways: Mapping[str, int]) -> str:
    """deploy/nginx/nginx.conf with this machine's places in it, and nothing else changed."""
    text = (DEPLOY / "nginx" / "nginx.conf").read_text("utf-8")
    text = text.replace(" /tmp/", f" {folder}/").replace(
        "listen 8480;", f"listen 127.0.0.1:{port};"
    )
    for name, its_port in gateways.items():
        text = text.replace(f"{name}:8480", f"127.0.0.1:{its_port}")
    text = text.replace("/dev/stderr", f"{folder}/error.log").replace(
        "/dev/stdout", f"{folder}/access.log"
    )
    return ("user root;\n" if os.getuid() == 0 else "") + text


@dataclass
class BalancedCountry:
    """Where everything is."""

    folder: Path
    port: int = field(default_factory=free_port)
    gateway_port: int = field(default_factory=free_port)
    register_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """The balancer, as everybody calls it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def agencies(self) -> Path:
        """The folder of those who ask."""
        return self.folder / "agencies"

    @property
    def access_log(self) -> str:
        """What the balancer has written about calls."""
        return (self.folder / "access.log").read_text("utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        """What country.sh and the agencies' programs are run with."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SEALWAY_")}
        path = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", "")))
        places = {
            "BUS": str(self.folder / "bus"),
            "AGENCIES": str(self.agencies),
            "EXAMPLES": str(ROOT / "examples"),
            "URL": self.url,
        }
        modules = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH"))))
        return {**kept, **places, "PATH": path, "PYTHONPATH": modules, **more}

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def script(self, word: str) -> subprocess.CompletedProcess[str]:
        """deploy/country.sh, as compose runs it."""
        return self.run("sh", str(DEPLOY / "country.sh"), word)

    def write_embedded_settings(self) -> None:
        """deploy/sealway.toml without its engines, and with this machine's addresses."""
        text = (DEPLOY / "sealway.toml").read_text("utf-8")
        text = re.sub(r"^\[database\].*?(?=^\[egress\])", "", text, flags=re.S | re.M)
        self._write_settings(re.sub(r"^shards = .*\n", "", text, flags=re.M))

    def write_cluster_settings(self, dsn: str, kafka: str) -> None:
        """deploy/sealway.toml with other engines, and with this machine's addresses."""
        address = self.folder / "database_url"
        address.touch(0o600)
        address.write_text(dsn, "utf-8")
        text = (DEPLOY / "sealway.toml").read_text("utf-8")
        text = text.replace("/run/secrets/database_url", str(address))
        own_topics = f'"{kafka}"\nprefix = "country-{self.port}"'
        self._write_settings(text.replace('"kafka:9092"', own_topics))

    def _write_settings(self, text: str) -> None:
        text = text.replace("0.0.0.0", "127.0.0.1").replace(  # noqa: S104
            "port = 8480", f"port = {self.gateway_port}"
        )
        text = text.replace("http://localhost:8480", self.url)
        text = text.replace("territories:9003", f"127.0.0.1:{self.register_port}")
        (self.folder / "bus" / "sealway.toml").write_text(text, "utf-8")


@contextmanager
def process(
    country: BalancedCountry, *words: str, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A program for as long as the context lasts."""
    with (country.folder / "processes.log").open("ab") as log:
        running = subprocess.Popen(
            words, cwd=country.folder, env=country.environment(**more), stdout=log, stderr=log
        )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def until_ready(url: str) -> None:
    """Wait until an address says 200."""
    end = time.monotonic() + START_S
    while True:
        try:
            with direct.open(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        assert time.monotonic() < end, f"{url} did not come up"
        time.sleep(0.1)


@contextmanager
def balancer(country: BalancedCountry, **gateways: int) -> Iterator[None]:
    """nginx with our configuration; `gateway_1=…` are the ports that stand for the gateways."""
    program = nginx()
    assert program is not None
    conf = country.folder / "nginx.conf"
    names = {name.replace("_", "-"): port for name, port in gateways.items()}
    conf.write_text(balancer_text(country.folder, country.port, names), "utf-8")
    words = (program, "-p", str(country.folder), "-c", str(conf), "-g", "daemon off;")
    with process(country, *words):
        yield


@contextmanager
def plain_nginx(country: BalancedCountry) -> Iterator[str]:
    """nginx as it comes, with an address to pass on to and no limits set; its URL."""
    program, port = nginx(), free_port()
    assert program is not None
    folder = country.folder / "plain"
    folder.mkdir()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    passing = f"location / {{ proxy_pass http://127.0.0.1:{country.gateway_port}; }}"
    server = f"server {{ listen 127.0.0.1:{port}; {passing} }}"
    user = "user root;" if os.getuid() == 0 else ""
    text = f"{user} pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
    text += f"http {{ access_log off; {places} {server} }}\n"
    (folder / "nginx.conf").write_text(text, "utf-8")
    words = (program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;")
    with process(country, *words):
        until_ready(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}"


def sealway() -> str:
    """The command line of this environment."""
    return str(Path(sys.executable).with_name("sealway"))


@contextmanager
def running(country: BalancedCountry) -> Iterator[BalancedCountry]:
    """Everything that compose would start, on one embedded process; registered and ready."""
    country.agencies.mkdir()
    assert (made := country.script("prepare")).returncode == 0, made.stderr
    country.write_embedded_settings()
    with ExitStack() as stack:
        stack.enter_context(process(country, sealway(), "serve", str(country.folder / "bus")))
        # The first gateway is down: every call is let through to the second all the same.
        surround(country, stack, gateway_1=free_port(), gateway_2=country.gateway_port)
        yield country


def surround(country: BalancedCountry, stack: ExitStack, **gateways: int) -> None:
    """Departments, balancer, and everybody in the registry."""
    register = str(ROOT / "examples" / "territories" / "register.py")
    words = (sys.executable, register, "--port", str(country.register_port))
    stack.enter_context(process(country, *words))
    stack.enter_context(balancer(country, **gateways))
    until_ready(f"{country.url}/readyz")
    until_ready(f"http://127.0.0.1:{country.register_port}/health")
    assert (done := country.script("register")).returncode == 0, done.stderr + done.stdout

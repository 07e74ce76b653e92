"""A running cluster: engines, proxies, the bus's processes and those around it.

What blocks is done in threads: the proxies live in this process's event loop.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Self

import httpx

from tests.faults.cluster.office import OFFICE
from tests.faults.cluster.site import (
    DELIVERERS,
    GATEWAYS,
    PROCESSES,
    WEB_PROVIDERS,
    ClusterSite,
    process_environment,
    run_sealway,
)
from tests.faults.site import ROOT
from tests.support.cut_proxy import CutProxy, port_of, postgres_at
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_process import PostgresProcess

STOP_S: Final = 40.0
READY_S: Final = 60.0


class NotReady(Exception):
    """Something of the cluster didn't come up; the text says what."""


class Cluster:
    """One cluster; ends every process it started, whatever happens."""

    def __init__(
        self, site: ClusterSite, postgres: PostgresProcess | None, kafka: KafkaBroker | None
    ) -> None:
        self.site = site
        self.postgres = postgres
        self.kafka = kafka
        self.database = {name: CutProxy(postgres_at(site.dsn)) for name in PROCESSES}
        self.carriers: dict[str, CutProxy] = {}
        if kafka is not None:
            behind = {name: kafka.behind[site.ports[f"kafka:{name}"]] for name in PROCESSES}
            self.carriers = {name: CutProxy(port_of(port)) for name, port in behind.items()}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._http = httpx.AsyncClient(timeout=3.0, trust_env=False)

    async def __aenter__(self) -> Self:
        for name, proxy in self.database.items():
            await proxy.listen(self.site.ports[f"database:{name}"])
        for name, proxy in self.carriers.items():
            await proxy.listen(self.site.ports[f"kafka:{name}"])
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in [*self._running]:
            self.resume(name)
            self.kill(name)
        for proxy in (*self.database.values(), *self.carriers.values()):
            await proxy.end()
        await self._http.aclose()

    def start(self, name: str, *words: str, more: Mapping[str, str] | None = None) -> None:
        """Start a process; its output is appended to a file of its name."""
        assert name not in self._running, f"{name} runs already"
        with (self.site.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env={**process_environment(self.site), **(more or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start_bus(self, name: str, more: Mapping[str, str] | None = None) -> None:
        """Start a gateway or a deliverer."""
        verb, port = ("gateway", "--port") if name in GATEWAYS else ("deliver", "--health-port")
        words = [str(self.site.folder_of(name)), port, str(self.site.ports[name])]
        words += ["--public-url", self.site.url(name)] if name in GATEWAYS else []
        self.start(name, "-m", "sealway", verb, *words, more=more)

    def start_provider(self, name: str, seed: int) -> None:
        """Start a department, or the statistics office."""
        folder = str(self.site.folder)
        if name == OFFICE:
            gateway = GATEWAYS[seed % len(GATEWAYS)]
            self.start(name, "-m", "tests.faults.cluster.office", folder, gateway)
        else:
            self.start(name, "-m", "tests.faults.cluster.providers", folder, name, str(seed))

    def is_running(self, name: str) -> bool:
        """Whether a process was started and hasn't ended."""
        return name in self._running and self._running[name].poll() is None

    def revive(self, name: str, seed: int) -> bool:
        """Start a provider that ended by itself again, as its supervisor would; whether it had."""
        if name not in self._running or self._running[name].poll() is None:
            return False
        self._running.pop(name)
        self.start_provider(name, seed)
        return True

    def kill(self, name: str) -> float:
        """SIGKILL; the moment it was sent."""
        process, at = self._running.pop(name), time.monotonic()
        process.kill()
        process.wait()
        return at

    async def stop(self, name: str, within_s: float = STOP_S) -> int:
        """Ask a process to end and wait; its exit code, or minus 9 when it had to be killed."""
        process = self._running.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(process.wait, within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return await asyncio.to_thread(process.wait)

    def pause(self, name: str) -> None:
        """SIGSTOP."""
        self._running[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT; harmless to one that runs, or has ended."""
        with suppress(ProcessLookupError, KeyError):
            os.kill(self._running[name].pid, signal.SIGCONT)

    async def ready(self, name: str) -> tuple[int, str]:
        """What a process says at `/readyz`; 0 when nobody answers."""
        try:
            reply = await self._http.get(f"{self.site.url(name)}/readyz")
        except httpx.HTTPError as error:
            return 0, type(error).__name__
        return reply.status_code, reply.text[:300]

    async def wait_ready(self, *names: str, within_s: float = READY_S) -> None:
        """Wait until each of these is ready.

        Raises:
            NotReady: one has ended, or isn't ready in time.
        """
        until = time.monotonic() + within_s
        for name in names:
            while (said := await self.ready(name))[0] != 200:
                if not self.is_running(name):
                    raise NotReady(f"{name} has ended; see {name}.log")
                if time.monotonic() > until:
                    raise NotReady(f"{name} is not ready after {within_s:.0f} s: {said}")
                await asyncio.sleep(0.05)

    async def sealway(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The operator's command line; the engines are reached without proxies."""
        done: subprocess.CompletedProcess[str] = await asyncio.to_thread(
            run_sealway, self.site, *words
        )
        return done

    async def migrate(self, *words: str) -> str:
        """`sealway migrate`, as the operator calls it, and what it printed. Raises NotReady."""
        done = await self.sealway("migrate", str(self.site.bus), *words)
        if done.returncode != 0:
            raise NotReady(f"migrate: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    async def start_all(self, seed: int) -> None:
        """Everybody but the load."""
        for name in PROCESSES:
            self.start_bus(name)
        await self.wait_ready(*GATEWAYS, *DELIVERERS)
        await self.apply_changes()
        for name in (*WEB_PROVIDERS, OFFICE):
            self.start_provider(name, seed)

    async def apply_changes(self) -> None:
        """Register everybody over HTTP, with the founder's token."""
        data = await asyncio.to_thread((self.site.folder / "changes.json").read_bytes)
        reply = await self.founder("POST", "/v1/changes", data)
        if reply.status_code != 200:
            raise NotReady(f"the network was refused: {reply.text}")

    async def founder(
        self, method: str, path: str, data: bytes | None = None, gateway: str = GATEWAYS[0]
    ) -> httpx.Response:
        """A call with the founder's token. Raises httpx.HTTPError."""
        token = (self.site.bus / "founder.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = self.site.url(gateway) + path
        return await self._http.request(method, url, content=data, headers=headers, timeout=15.0)


async def restart(cluster: Cluster, name: str, seed: int) -> None:
    """Start what was killed again, as whatever it was."""
    if name in PROCESSES:
        cluster.start_bus(name)
        await cluster.wait_ready(name)
    else:
        cluster.start_provider(name, seed)

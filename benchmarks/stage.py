"""The stage on which a run plays: provider, proxy, bus and load, each a process of its own.

Owns starting them in order and running one leg with the CPU of each around it. Used by the quick
benchmark and by the profile, so that both see the same load.
"""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Leg
from benchmarks.messages import DELIVERY
from benchmarks.network import Country, make_country, register
from benchmarks.processes import (
    DidNotStart,
    Worker,
    cpu_s,
    free_ports,
    python,
    running,
    wait_for_port,
)

RESULTS: Final = Path(__file__).parent / "results"
SPARE: Final = 1.3
"""So many more requests are signed than the last rate would use up."""


@dataclass(slots=True)
class Stage:
    """Running processes, and the load that can be put on them."""

    country: Country
    load: Worker
    pids: dict[str, int]
    ready: dict[str, Any]
    """The bus's own `bus.ready` line: its durability settings, as read back from the engine."""
    rate: float = 2_000.0
    """The highest rate of the bus seen; decides how many requests are signed ahead."""

    def leg(self, target: str, concurrency: int, seconds: float, round_: int) -> Leg:
        """One run against ``target``."""
        if target == "bus":
            self.load.ask(do="prepare", count=int(self.rate * seconds * SPARE) + 2 * concurrency)
        watched = [self.pids[target], self.pids["provider"]]
        before = [cpu_s(pid) for pid in watched]
        got = self.load.ask(do="run", target=target, concurrency=concurrency, seconds=seconds)
        own, provider = (cpu_s(pid) - was for pid, was in zip(watched, before, strict=True))
        if got["errors"]:
            raise RunFailed(f"{got['failed']} exchanges with {target} failed: {got['errors'][0]}")
        leg = Leg(
            target=target,
            concurrency=concurrency,
            round=round_,
            count=got["count"],
            failed=got["failed"],
            checked=got["checked"],
            took_s=got["took_s"],
            p50_ms=got["p50_ms"],
            p99_ms=got["p99_ms"],
            client_cpu_s=got["client_cpu_s"],
            target_cpu_s=own,
            provider_cpu_s=provider,
        )
        if target == "bus":
            self.rate = max(self.rate, leg.rate)
        return leg


class RunFailed(Exception):
    """An exchange brought no answer: the figures of such a run mean nothing."""


@contextlib.contextmanager
def stage(alg: str, form: str = DELIVERY, wrap_bus: tuple[str, ...] = ()) -> Iterator[Stage]:
    """Start everything; at the end, stop it and remove the bus's folder.

    ``wrap_bus`` stands before the bus's command: a profiler, say.

    Raises:
        DidNotStart: a process could not be started; its log is in the text.
    """
    RESULTS.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        # Beside the results and not in a folder for temporary files: those may lie in memory,
        # where nothing is synced.
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bus-", dir=RESULTS)))
        ports = dict(zip(("bus", "proxy", "provider"), free_ports(3), strict=True))
        country = make_country(room / "bus", ports["bus"], ports["provider"], alg)
        provider = _serve(stack, "benchmarks.provider", "--port", str(ports["provider"]))
        wait_for_port(provider, ports["provider"])
        address = f"http://127.0.0.1:{ports['provider']}"
        proxy = _serve(
            stack, "benchmarks.proxy", "--port", str(ports["proxy"]), "--provider", address
        )
        wait_for_port(proxy, ports["proxy"])
        bus, log = _serve_bus(stack, country, wrap_bus)
        register(country)
        load = stack.enter_context(
            running(
                python("benchmarks.load", json.dumps(_settings(country, ports, form))),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        pids = {"bus": bus.pid, "proxy": proxy.pid, "provider": provider.pid}
        pids["direct"] = provider.pid
        yield Stage(country, Worker(load), pids, _ready_line(log))


def _serve(stack: contextlib.ExitStack, *module: str) -> "subprocess.Popen[str]":
    return stack.enter_context(running(python(*module)))


def _serve_bus(
    stack: contextlib.ExitStack, country: Country, wrap: tuple[str, ...]
) -> "tuple[subprocess.Popen[str], Path]":
    log = country.folder / "serve.log"
    written = stack.enter_context(log.open("w"))
    command = [*wrap, *python("sealway", "serve", str(country.folder))]
    bus = stack.enter_context(running(command, stderr=written))
    try:
        wait_for_port(bus, country.port, "/readyz")
    except DidNotStart as error:
        raise DidNotStart(f"{error}\n{log.read_text()[-2_000:]}") from error
    return bus, log


def _ready_line(log: Path) -> dict[str, Any]:
    for line in log.read_text().splitlines():
        if '"bus.ready"' in line:
            found: dict[str, Any] = json.loads(line)
            return found
    return {}


def _settings(country: Country, ports: dict[str, int], form: str) -> dict[str, Any]:
    return {
        "ports": {**ports, "direct": ports["provider"]},
        "form": form,
        "key": str(country.key("consumer")),
        "certificate": str(country.certificate("consumer")),
        "provider": str(country.certificate("provider")),
        "log_key": country.log_key,
    }

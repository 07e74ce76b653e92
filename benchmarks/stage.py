"""The stage on which a run plays: providers, peers, buses and loads, each a process of its own.

Owns running one leg with the CPU and memory of each process around it, and the embedded stage.
`cluster.py` sets the stage of many processes; the profile and both benchmarks use the same legs.
"""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.legs import ITSELF, Leg
from benchmarks.messages import EXCHANGE
from benchmarks.network import Country, make_country, register
from benchmarks.processes import (
    STOP_S,
    DidNotStart,
    Worker,
    family_cpu_s,
    free_ports,
    peak_mib,
    python,
    running,
    wait_for_port,
)

RESULTS: Final = Path(__file__).parent / "results"
SPARE: Final = 1.3
"""So many more requests are signed than the last rate would use up."""
FIRST_RATE: Final = 2_000.0
READY_EVENT: Final = '"bus.ready"'


class RunFailed(Exception):
    """An exchange brought no answer: the figures of such a run mean nothing."""


@dataclass(slots=True)
class Target:
    """Something to put load on, who does that, and whose CPU counts for it."""

    worker: Worker
    roles: Mapping[str, Sequence[int]]
    is_bus: bool = False
    rates: dict[str, float] = field(default_factory=dict)
    """The highest rate seen of each kind; decides how many requests are signed ahead."""


@dataclass(slots=True)
class Stage:
    """Running processes, and the load that can be put on them."""

    country: Country
    targets: dict[str, Target]
    durability: dict[str, str]
    """The settings in force, as the bus read them back from its engine when it started."""
    bus: "list[subprocess.Popen[str]]"

    def stop_bus(self) -> None:
        """Stop the bus cleanly, so that its folder can be audited. Raises DidNotStart."""
        for process in self.bus:
            process.terminate()
        for process in self.bus:
            if (code := process.wait(STOP_S)) != 0:
                raise DidNotStart(f"{process.args!r} ended with {code}.")

    def leg(
        self,
        target: str,
        concurrency: int,
        seconds: float,
        round_: int,
        *,
        kind: str = EXCHANGE,
        rate: float | None = None,
        label: str | None = None,
    ) -> Leg:
        """One run against ``target``, known as ``label``; open loop if a ``rate`` is given.

        Raises:
            RunFailed: an exchange failed, or the requests ran out before the time did.
        """
        on = self.targets[target]
        if on.is_bus:
            expected = rate or on.rates.get(kind, FIRST_RATE)
            count = int(expected * seconds * SPARE) + 2 * concurrency
            on.worker.ask(do="prepare", kind=kind, count=count)
        before = {role: family_cpu_s(pids) for role, pids in on.roles.items()}
        more: dict[str, Any] = {"kind": kind} if on.is_bus else {}
        got = on.worker.ask(
            do="run", target=target, concurrency=concurrency, seconds=seconds, rate=rate, **more
        )
        used = {role: family_cpu_s(pids) - before[role] for role, pids in on.roles.items()}
        name = label or target
        if got["errors"]:
            raise RunFailed(f"{got['failed']} exchanges with {name} failed: {got['errors'][0]}")
        leg = Leg(
            target=name,
            concurrency=concurrency,
            round=round_,
            count=got["count"],
            failed=got["failed"],
            checked=got["checked"],
            took_s=got["took_s"],
            client_cpu_s=got["client_cpu_s"],
            cpu_s=used,
            latencies=got["latencies"],
            rate_wanted=rate,
            peak_mib={role: peak_mib(pids) for role, pids in on.roles.items()},
        )
        on.rates[kind] = max(on.rates.get(kind, FIRST_RATE), leg.rate)
        return leg


@contextlib.contextmanager
def room() -> Iterator[Path]:
    """A folder for a run, removed after it.

    It lies beside the results and not among temporary files: those may lie in memory, where
    nothing is synced.
    """
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=RESULTS) as folder:
        yield Path(folder)


@contextlib.contextmanager
def embedded(
    alg: str = "ES256", wrap_bus: tuple[str, ...] = (), *, consumers: int = 1
) -> Iterator[Stage]:
    """Start provider, proxy, one bus and the load; at the end, stop them.

    ``wrap_bus`` stands before the bus's command: a profiler, say.

    Raises:
        DidNotStart: a process could not be started; its log is in the text.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(room())
        bus_port, proxy_port, provider_port = free_ports(3)
        place = folder / "bus"
        country = make_country(place, bus_port, provider_port, alg, consumers=consumers)
        provider = start_provider(stack, provider_port)
        address = f"http://127.0.0.1:{provider_port}"
        command = ("benchmarks.proxy", "--port", str(proxy_port), "--provider", address)
        proxy = stack.enter_context(running(python(*command)))
        wait_for_port(proxy, proxy_port)
        bus, log = start_bus(stack, country, "serve", wrap=wrap_bus)
        wait_until_ready(bus, country.port, log)
        register(country)
        ports = {"bus": [bus_port], "proxy": [proxy_port], "direct": [provider_port]}
        load = start_load(stack, country, ports, plain=["proxy", "direct"])
        roles = {"provider": [provider.pid]}
        yield Stage(
            country,
            {
                "bus": Target(load, {ITSELF: [bus.pid], **roles}, is_bus=True),
                "proxy": Target(load, {ITSELF: [proxy.pid], **roles}),
                "direct": Target(load, {**roles}),
            },
            durability(log),
            [bus],
        )


def start_provider(stack: contextlib.ExitStack, port: int) -> "subprocess.Popen[str]":
    """The plain service that the bus and its plain peers call."""
    provider = stack.enter_context(running(python("benchmarks.provider", "--port", str(port))))
    wait_for_port(provider, port)
    return provider


def start_bus(
    stack: contextlib.ExitStack,
    country: Country,
    verb: str,
    *options: str,
    wrap: Sequence[str] = (),
) -> "tuple[subprocess.Popen[str], Path]":
    """One process of the bus and the file of its log; it may not be ready yet."""
    log = country.folder / f"{verb}-{len(list(country.folder.glob('*.log')))}.log"
    written = stack.enter_context(log.open("w"))
    command = [*wrap, *python("sealway", verb, str(country.folder), *options)]
    return stack.enter_context(running(command, stderr=written)), log


def wait_until_ready(process: "subprocess.Popen[str]", port: int, log: Path) -> None:
    """Return when a process of the bus says that it is ready. Raises DidNotStart."""
    try:
        wait_for_port(process, port, "/readyz")
    except DidNotStart as error:
        raise DidNotStart(f"{error}\n{log.read_text()[-2_000:]}") from error


def migrate(country: Country) -> None:
    """`sealway migrate`, as an operator calls it before the first start. Raises DidNotStart."""
    command = python("sealway", "migrate", str(country.folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise DidNotStart(f"migrate: {done.stdout}{done.stderr}")


def start_load(
    stack: contextlib.ExitStack, country: Country, ports: dict[str, list[int]], plain: list[str]
) -> Worker:
    """The process that puts load on everything that speaks HTTP."""
    settings = {
        "ports": ports,
        "plain": plain,
        "consumers": [
            (system, str(country.key(name)), str(country.certificate(name)))
            for number, system in enumerate(country.consumers)
            for name in (f"consumer-{number}",)
        ],
        "provider": str(country.certificate("provider")),
        "log_keys": country.log_keys,
    }
    return start_worker(stack, "benchmarks.load", json.dumps(settings))


def start_worker(stack: contextlib.ExitStack, *module: str) -> Worker:
    """A process that takes commands as lines of JSON."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return Worker(stack.enter_context(running(python(*module), **pipes)))


def durability(log: Path) -> dict[str, str]:
    """What a process of the bus read back of its engine. Raises RunFailed if it doesn't sync."""
    lines = [line for line in log.read_text().splitlines() if READY_EVENT in line]
    found: dict[str, str] = json.loads(lines[0])["durability"] if lines else {}
    said = found.get("synchronous") or found.get("synchronous_commit")
    if said not in ("FULL", "EXTRA", "on") or found.get("fsync", "on") != "on":
        raise RunFailed(f"The bus doesn't sync its commits: {found}. Nothing to measure.")
    return found

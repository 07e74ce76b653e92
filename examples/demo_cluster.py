"""The demo on Apache Kafka and PostgreSQL: two gateways and two deliverers are one bus.

    python examples/demo_cluster.py     make demo-cluster: shows, checks, cleans up

What `demo.py` shows with one process, and what several are for. The engines are those of the tests:
`make kafka`'s folder or SEALWAY_TEST_KAFKA, the wheel's binaries or SEALWAY_TEST_POSTGRES. The bus
is driven as its users would: the SDK, the `sealway` command, HTTP. Exit 0 only if everything shown
held; 3 when an engine is missing, with the command that installs it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from demonstration import audit, breakdowns, records, scenes, together
from demonstration.cluster import Cluster
from demonstration.commands import CommandFailed
from demonstration.ending import USAGE, end_on_signals
from demonstration.engines import EngineMissing, Engines
from demonstration.processes import ProcessFailed
from demonstration.screen import Screen

from sealway import Client


def demonstrate(screen: Screen, cluster: Cluster) -> int:
    """Show everything, in order; the exit code."""
    cluster.bring_up(screen)
    cluster.add_second_founder()
    with (
        tempfile.TemporaryDirectory(prefix="sealway-demo-", dir=cluster.home) as scratch,
        Client.from_profile("benefits") as bus,
    ):
        papers = Path(scratch)
        together.show_readiness(screen, cluster)
        together.show_two_processes(screen, cluster, bus)
        scenes.show_exchanges(screen, cluster, bus, papers)
        records.show_records(screen, cluster, bus)
        together.show_withdrawn_grant(screen, cluster, bus, papers)
        breakdowns.show_kills(screen, cluster, bus)
        breakdowns.show_without_kafka(screen, cluster, bus)
        breakdowns.show_doctor(screen, cluster)
        shards = audit.show_proof(screen, cluster, papers)
        audit.show_tampering(screen, cluster, papers)
    processes = len(cluster.bus_processes)
    return screen.total(f"{cluster.engines}, {processes} processes, {shards} shards verified")


def main() -> int:
    """Find the engines, start them, show; see the module's text."""
    end_on_signals()
    try:
        with tempfile.TemporaryDirectory(prefix="sealway-demo-") as folder:
            return _run(Path(folder))
    except EngineMissing as missing:
        print(f"demo: {missing}", file=sys.stderr)
        return USAGE
    except (ProcessFailed, CommandFailed) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _run(folder: Path) -> int:
    screen = Screen()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SEALWAY_")}
    with Engines(folder, environment) as engines:
        screen.title(
            "Sealway: two gateways and two deliverers, Kafka and PostgreSQL, an auditor",
            "Each a process of its own on this machine. → asked  ← came back  ✔ checked",
        )
        with screen.preparing("up:") as more:
            engines.start()
            more.append(str(engines))
        cluster = Cluster(folder, engines)
        os.environ["SEALWAY_HOME"] = str(cluster.home)
        os.environ.pop("SEALWAY_PROFILE", None)
        with cluster.processes:
            return demonstrate(screen, cluster)


if __name__ == "__main__":
    sys.exit(main())

"""The demo: four agencies exchange data through a bus; then an auditor proves what was recorded.

    python examples/demo.py             make demo: shows, checks, cleans up
    python examples/demo.py --serve     make serve: leaves it running, with commands to paste

Everything runs in processes of its own and is driven as its users would: the SDK, the `sealway`
command, HTTP. Nothing is imported from the server. Exit 0 only if everything shown held.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from demonstration import audit, evidence, scenes
from demonstration.commands import CommandFailed
from demonstration.country import Country, FolderForeign
from demonstration.ending import USAGE, end_on_signals
from demonstration.processes import ProcessFailed, free_port, is_free
from demonstration.screen import Screen
from demonstration.serving import serve

from sealway import Client

PORT = 8480


def demonstrate(screen: Screen, country: Country) -> int:
    """Show everything, in order; the exit code."""
    screen.title(
        "Sealway: four agencies, one bus, an auditor",
        "Each a process of its own on this machine. → asked  ← came back  ✔ checked",
    )
    country.bring_up(screen)
    with (
        tempfile.TemporaryDirectory(prefix="sealway-demo-", dir=country.home) as scratch,
        Client.from_profile("benefits") as bus,
    ):
        papers = Path(scratch)
        scenes.show_exchanges(screen, country, bus, papers)
        case = evidence.show_export(screen, country, papers)
        audit.show_proof(screen, country, papers)
        audit.show_tampering(screen, country, papers)
        evidence.show_bundle(screen, country, case)
    return screen.total()


def _run(folder: Path, port: int, *, keep_running: bool) -> int:
    country = Country(folder, port)
    os.environ["SEALWAY_HOME"] = str(country.home)
    os.environ.pop("SEALWAY_PROFILE", None)
    screen = Screen()
    with country.processes:
        if keep_running:
            serve(screen, country)
        return demonstrate(screen, country)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; see the module's text."""
    parser = argparse.ArgumentParser(description="Agencies exchange data through a bus.")
    parser.add_argument("--serve", action="store_true", help="leave it running, to be asked")
    parser.add_argument("--dir", type=Path, help="where .sealway is made (demo: a new folder)")
    parser.add_argument("--port", type=int, help=f"of the bus (--serve: {PORT}; demo: a free one)")
    given = parser.parse_args(arguments)
    port = given.port or (PORT if given.serve else free_port())
    end_on_signals(is_the_way=given.serve)
    try:
        if not is_free(port):
            raise FolderForeign(
                f"Port {port} is taken; is it running already? --port names another."
            )
        if given.dir or given.serve:
            return _run(given.dir or Path.cwd(), port, keep_running=given.serve)
        with tempfile.TemporaryDirectory(prefix="sealway-demo-") as folder:
            return _run(Path(folder), port, keep_running=False)
    except FolderForeign as error:
        print(f"demo: {error}", file=sys.stderr)
        return USAGE
    except (ProcessFailed, CommandFailed) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""NATS JetStream as a peer: requests and answers in streams on disk, acknowledged at both ends.

Owns the server with its settings, `nats.conf`, which say what its figure is worth.
"""

import contextlib
from pathlib import Path
from typing import ClassVar

from benchmarks.legs import ITSELF
from benchmarks.peers.server import found, settings_text
from benchmarks.processes import free_ports, python, running, wait_for_port
from benchmarks.stage import Target, start_worker


class NatsPeer:
    """The server, the service behind it, and the load that asks it."""

    name: ClassVar[str] = "nats"

    def __init__(self, folder: Path) -> None:
        """Find it. Raises PeerMissing."""
        self._program = found("nats-server", "nats-server", ["nats"])
        self._folder = folder
        (self._port,) = free_ports(1)

    def start(self, stack: contextlib.ExitStack) -> Target:
        """Start server, responder and load; the responder makes the streams."""
        self._folder.mkdir()
        settings = self._folder / "nats.conf"
        text = settings_text("nats.conf", port=self._port, folder=self._folder / "data")
        settings.write_text(text, "utf-8")
        out = stack.enter_context((self._folder / "nats.log").open("w"))
        command = [self._program, "-c", str(settings)]
        server = stack.enter_context(running(command, stdout=out, stderr=out))
        wait_for_port(server, self._port)
        made = self._folder / "streams-made"
        command = python("benchmarks.peers.nats_respond", str(self._port), str(made))
        responder = stack.enter_context(running(command))
        load = start_worker(stack, "benchmarks.peers.nats_load", str(self._port), str(made))
        return Target(load, {ITSELF: [server.pid], "provider": [responder.pid]})

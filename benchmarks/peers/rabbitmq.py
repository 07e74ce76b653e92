"""RabbitMQ as a peer: persistent, confirmed RPC over durable queues, with nothing signed or kept.

Owns the server: a node of the run's own with its folder, its ports and its own port mapper, all of
which end with the run. Its settings are `rabbitmq.conf`, with their reasons.
"""

import contextlib
import os
import subprocess
from pathlib import Path
from typing import ClassVar, Final

from benchmarks.legs import ITSELF
from benchmarks.peers.server import found, settings_text
from benchmarks.processes import free_ports, python, running, wait_for_port
from benchmarks.stage import Target, start_worker

NODE: Final = "sealway-bench@localhost"


class RabbitPeer:
    """The server, the service behind it, and the load that asks it."""

    name: ClassVar[str] = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        """Find it. Raises PeerMissing."""
        self._program = found("rabbitmq-server", "rabbitmq-server", ["aio_pika"])
        self._folder = folder
        self._port, self._distribution_port, self._mapper_port = free_ports(3)

    def start(self, stack: contextlib.ExitStack) -> Target:
        """Start server, responder and load."""
        self._folder.mkdir()
        settings = self._folder / "rabbitmq.conf"
        settings.write_text(settings_text("rabbitmq.conf", port=self._port), "utf-8")
        (self._folder / "plugins").write_text("[].\n", "utf-8")
        out = stack.enter_context((self._folder / "rabbitmq.log").open("w"))
        # Ended last: the node says good-bye to its mapper.
        stack.callback(self._end_mapper)
        server = stack.enter_context(
            running([self._program], env=self._environment(settings), stdout=out, stderr=out)
        )
        wait_for_port(server, self._port)
        port = str(self._port)
        responder = stack.enter_context(running(python("benchmarks.peers.rabbitmq_respond", port)))
        load = start_worker(stack, "benchmarks.peers.rabbitmq_load", port)
        return Target(load, {ITSELF: [server.pid], "provider": [responder.pid]})

    def _environment(self, settings: Path) -> dict[str, str]:
        own = {
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "logs"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
        }
        return {**os.environ, **own}

    def _end_mapper(self) -> None:
        command = ["epmd", "-port", str(self._mapper_port), "-kill"]
        with contextlib.suppress(OSError):
            subprocess.run(command, capture_output=True, check=False)

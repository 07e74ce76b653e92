"""The small programs of deploy/: the health check, and the maker of secrets."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.deployment import DEPLOY
from tests.support.kafka_broker import free_port


class Healthy(BaseHTTPRequestHandler):
    """Says 200 to /readyz and 503 to everything else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def check(*words: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-P", str(DEPLOY / "healthcheck.py"), *words]
    # A proxy that isn't there: the check must ask directly.
    environment = {"http_proxy": f"http://127.0.0.1:{free_port()}"}
    return subprocess.run(program, capture_output=True, text=True, check=False, env=environment)


def test_a_process_that_says_200_is_healthy(port: int) -> None:
    assert check(f"http://127.0.0.1:{port}/readyz").returncode == 0


def test_anything_else_is_not_and_says_why_in_one_line(port: int) -> None:
    for url in (f"http://127.0.0.1:{port}/livez", f"http://127.0.0.1:{free_port()}/readyz"):
        told = check(url)
        assert told.returncode == 1
        assert len(told.stderr.splitlines()) == 1
        assert url in told.stderr


@pytest.mark.parametrize("words", [(), ("localhost:8480",), ("http://a", "http://b")])
def test_it_needs_one_address(words: tuple[str, ...]) -> None:
    assert check(*words).returncode == 3


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    shutil.copy(DEPLOY / "make-secrets.sh", script)
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    folder = tmp_path / "secrets"
    password = (folder / "database_password").read_text()
    assert len(password) == 48
    url = (folder / "database_url").read_text()
    assert url == f"postgresql://sealway:{password}@postgres:5432/sealway"
    assert folder.stat().st_mode & 0o777 == 0o700
    again = subprocess.run(["sh", str(script)], check=True, capture_output=True, text=True)
    assert "nothing was changed" in again.stdout
    assert (folder / "database_password").read_text() == password

"""The import contracts of pyproject.toml, shown imports that break them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, ROOT

LAYERS = ("operation", "api", "delivery", "acceptance", "ledger", "bus", "storage")
BREAKS = {
    "A package imports only what stands below it": [
        ("signing/keys.py", "import schemas"),
        ("registry/rules.py", "import sealway"),
        ("adapters/sql.py", "import exchange.bus"),
    ],
    "Inside the service": [
        ("exchange/delivery/relay.py", "import exchange.api"),
        ("exchange/ledger/leaves.py", "import exchange.acceptance"),
        ("exchange/bus/port.py", "import exchange.storage"),
    ],
    "The SDK needs neither": [
        ("sealway/client.py", "import schemas"),
        ("sealway/async_client.py", "import registry"),
        ("sealway/provider.py", "import sealway.deeper"),
    ],
    "An adapter decides nothing": [("adapters/sql.py", "import registry.rules")],
    "The agent runs without the server": [
        ("adapters/agent.py", "import schemas"),
        ("adapters/agent.py", "import fastapi"),
        ("adapters/agent.py", "import sealway.deeper"),
    ],
    "Signing, schemas and the registry's rules": [
        ("signing/keys.py", "import socket"),
        ("schemas/catalogue.py", "import sqlite3"),
        ("registry/rules.py", "from asyncio import Lock"),
        ("signing/keys.py", "import httpx"),
    ],
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of ours with nothing in it that breaks a contract."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in (*PACKAGES, *(f"exchange/{layer}" for layer in LAYERS)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "registry/rules.py").touch()
    (tmp_path / "adapters/agent.py").touch()
    (tmp_path / "sealway/client.py").write_text("import signing, httpx\n")
    (tmp_path / "sealway/async_client.py").touch()
    (tmp_path / "sealway/provider.py").touch()
    (tmp_path / "sealway/deeper.py").write_text("import registry\n")
    return tmp_path


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=tree, capture_output=True, check=False, text=True)


def test_a_tree_in_order_keeps_the_contracts(tree: Path) -> None:
    run = lint(tree)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("contract", "path", "line"),
    [(contract, *found) for contract, all_found in BREAKS.items() for found in all_found],
)
def test_an_import_against_the_order_is_found(
    contract: str, path: str, line: str, tree: Path
) -> None:
    (tree / path).write_text(line + "\n")
    run = lint(tree)
    assert run.returncode != 0
    verdicts = [row for row in run.stdout.splitlines() if row.startswith(contract)]
    assert any(row.rstrip().endswith("BROKEN") for row in verdicts), run.stdout

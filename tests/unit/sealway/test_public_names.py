"""The names that applications import, what they cost, and what they drag in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sealway
from signing.errors import SealwayError

NAMES = [
    "Answer", "AnswerPending", "AsyncClient", "AsyncExchange", "Attachment",
    "BusUnavailable", "Client", "Exchange", "ExchangeState", "Inbox", "InboxMisused",
    "Profile", "ProfileInvalid",
    "ProofFailed", "Provider", "PushProvider", "PushReply", "Receipt", "Refused", "Reject",
    "Rejected", "Request", "Response", "SdkError",
]  # fmt: skip
NEVER = {
    "sqlite3", "asyncpg", "psycopg",
    "fastapi", "starlette", "sqlalchemy", "aiohttp", "orjson", "uvicorn", "typer", "jsonschema_rs",
    "exchange", "adapters", "registry", "schemas",
}  # fmt: skip
OURS = Path(sealway.__file__).parent.parent


def run(code: str, folder: Path) -> str:
    """Run code in a folder that has packages of our generic names, as an agency's may."""
    for name in ("schemas", "registry", "adapters", "exchange"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('not ours')\n")
    line = f"import sys; sys.path.append({str(OURS)!r})\n{code}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_public_names_are_these() -> None:
    assert sealway.__all__ == NAMES
    assert set(NAMES) <= set(dir(sealway))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(sealway, name).__name__ == name
    assert getattr(sealway, name).__doc__


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="AsyncNothing"):
        sealway.AsyncNothing  # noqa: B018


@pytest.mark.parametrize(
    "name",
    ["Refused", "Rejected", "AnswerPending", "ProofFailed", "BusUnavailable", "InboxMisused"],
)
def test_one_except_catches_every_error(name: str) -> None:
    assert issubclass(getattr(sealway, name), sealway.SdkError)
    assert issubclass(getattr(sealway, name), SealwayError)


def test_the_sdk_works_beside_folders_of_our_names(tmp_path: Path) -> None:
    names = "AsyncClient, Client, Provider"
    code = f"from sealway import {names}; print(*{{m.split('.')[0] for m in sys.modules}})"
    assert set(run(code, tmp_path).split()) & NEVER == set()


def test_the_command_line_finds_its_verbs_without_loading_them(tmp_path: Path) -> None:
    code = (
        "from sealway.cli.main import main\n"
        "assert main(['--help']) == 0\n"
        "print('loaded', *sys.modules)"
    )
    loaded = set(run(code, tmp_path).rpartition("loaded")[2].split())
    assert {name.split(".")[0] for name in loaded} & (NEVER | {"httpx", "cryptography"}) == set()
    assert {name for name in loaded if name.startswith("sealway.cli")} == {
        "sealway.cli", "sealway.cli.main", "sealway.cli.lazy", "sealway.cli.pipes",
    }  # fmt: skip


def test_importing_the_package_loads_nothing_before_a_name_is_asked_for(tmp_path: Path) -> None:
    code = "import sealway; print(*sys.modules)"
    loaded = {name.split(".")[0] for name in run(code, tmp_path).split()}
    assert loaded & (NEVER | {"httpx", "cryptography", "signing"}) == set()


def test_the_client_loads_no_x509_library_before_it_reads_a_certificate(tmp_path: Path) -> None:
    code = "from sealway import Client; print(*sys.modules)"
    assert "cryptography.x509" not in run(code, tmp_path).split()

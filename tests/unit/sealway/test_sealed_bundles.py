"""`sealway audit recipient` and `open`: a key of one's own, and what was sealed for it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from signing.keys import generate_key, private_key_pem
from signing.sealed import Sealer, parse_recipient

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def recipient(run: Run) -> str:
    code, out, _ = run("audit", "recipient", "auditor.key.pem", "--json")
    assert code == 0
    return str(json.loads(out)["recipient"])


def sealed_for(recipient: str, file: Path, data: bytes = b"PK...") -> Path:
    sealer = Sealer(parse_recipient(recipient))
    file.write_bytes(sealer.head + sealer.add(data) + sealer.end())
    return file


def test_what_was_sealed_for_a_key_opens_with_it(run: Run, recipient: str, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "auditor.key.pem").stat().st_mode) == 0o600
    sealed_for(recipient, tmp_path / "case.zip.sealed")
    words = ("audit", "open", "case.zip.sealed", "case.zip", "--key", "auditor.key.pem")
    assert run(*words)[0] == 0
    assert (tmp_path / "case.zip").read_bytes() == b"PK..."
    assert (run(*words)[0], "--force" in run(*words)[2]) == (3, True)
    assert run(*words, "--force")[0] == 0


def test_what_does_not_open_leaves_no_file(run: Run, recipient: str, tmp_path: Path) -> None:
    file = sealed_for(recipient, tmp_path / "case.zip.sealed")
    words = ("audit", "open", "case.zip.sealed", "case.zip", "--key")
    run("audit", "recipient", "other.key.pem")
    code, _, err = run(*words, "other.key.pem")
    assert (code, "sealed for another key" in err) == (1, True)
    file.write_bytes(file.read_bytes()[:-1])
    code, _, err = run(*words, "auditor.key.pem")
    assert (code, "altered or cut off" in err) == (1, True)
    assert not list(tmp_path.glob("case.zip*part")) + list(tmp_path.glob("case.zip"))


def test_a_key_is_not_written_over_and_must_be_one(
    run: Run, recipient: str, tmp_path: Path
) -> None:
    assert run("audit", "recipient", "auditor.key.pem")[0] == 3
    sealed_for(recipient, tmp_path / "s")
    (tmp_path / "p256.pem").write_bytes(private_key_pem(generate_key()))
    (tmp_path / "text.pem").write_text("no key")
    for name in ("p256.pem", "text.pem"):
        code, _, err = run("audit", "open", "s", "case.zip", "--key", name)
        assert (code, name in err) == (3, True)

"""The fake bus's systems, and the files that an agency holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signing.certificates import der_to_pem
from signing.identifiers import SystemId
from signing.keys import KnownCertificate, LocalSigner, private_key_pem

if TYPE_CHECKING:
    from tests.support.fake_bus import FakeBus

BUS = "sx.example"
URL = "http://bus.test"


@dataclass
class FakeSystem:
    """A system with its key, as an agency would hold it."""

    id: SystemId
    key: Any
    der: bytes
    known: KnownCertificate
    signer: LocalSigner


def write_profile(system: FakeSystem, bus: FakeBus, home: Path, name: str) -> None:
    """Make the files an agency holds: a profile, its key, its certificate."""
    folder = home / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.key.pem").write_bytes(private_key_pem(system.key))
    (folder / f"{name}.cert.pem").write_bytes(der_to_pem(system.der))
    (folder / f"{name}.toml").write_text(
        f'url = "{URL}"\nbus = "{BUS}"\ninstance = "sx"\n'
        f'log_key = "{bus.log_0.verifier_key}"\nsystem = "{system.id}"\n'
        f'key = "{name}.key.pem"\ncertificate = "{name}.cert.pem"\n',
        "utf-8",
    )

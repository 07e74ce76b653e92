"""The keys under which a sandbox answers for systems that have no provider yet.

Owns `keys/sandbox/`: one key and certificate a system, made when a service is first to be answered
from examples. Refuses to exist but in a sandbox: elsewhere a hosted key is the operator's decision.
"""

import hashlib
import time
from pathlib import Path
from typing import Final

from exchange.operation.key_files import FOLDER_MODE, load_signer, sync_folder, write_new
from signing.certificates import der_to_pem, issue_self_signed, pem_to_der
from signing.identifiers import SystemId, parse_system_id
from signing.keys import ES256, Signer, generate_key, private_key_pem

FOLDER: Final = "sandbox"
VALID_MS: Final = 365 * 86_400_000  # a sandbox older than a year may be made anew
BACKDATED_MS: Final = 300_000


class SandboxKeys:
    """What signs for systems without a provider; `signers` grows as keys are made."""

    def __init__(self, keys: Path) -> None:
        self._folder = keys / FOLDER
        self.signers: dict[SystemId, Signer] = {}
        self._certificates: dict[SystemId, bytes] = {}
        self._folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        for file in sorted(self._folder.glob("*.system")):
            self._load(parse_system_id(file.read_text("ascii")))

    def mint(self, system: SystemId) -> bytes:
        """The certificate (DER) of the key held for a system, which is made if there is none."""
        if system not in self.signers:
            key, now_ms = generate_key(ES256), time.time_ns() // 1_000_000
            der = issue_self_signed(key, system, now_ms - BACKDATED_MS, now_ms + VALID_MS)
            base = self._base(system)
            for suffix in (".key.pem", ".cert.pem"):
                base.with_suffix(suffix).unlink(missing_ok=True)  # half of one, from a crash
            write_new(base.with_suffix(".key.pem"), private_key_pem(key))
            write_new(base.with_suffix(".cert.pem"), der_to_pem(der))
            write_new(base.with_suffix(".system"), system.encode())
            sync_folder(self._folder)
            self._load(system)
        return self._certificates[system]

    def _load(self, system: SystemId) -> None:
        base = self._base(system)
        certificate = base.with_suffix(".cert.pem")
        self.signers[system] = load_signer(base.with_suffix(".key.pem"), certificate)[0]
        self._certificates[system] = pem_to_der(certificate.read_bytes())

    def _base(self, system: SystemId) -> Path:
        return self._folder / hashlib.sha256(system.encode()).hexdigest()[:32]

"""The keys of the bus's logs, as far as they are here: by number, loaded once, made when needed.

Owns the way from a log's number to its signer. A key that isn't here makes a log one that this
process can prove from and can't sign.
"""

import re
from pathlib import Path
from typing import Final

from exchange.ledger.names import log_name, number_of, origin_of
from exchange.operation.key_files import load_log_signer, log_key_name, write_new
from exchange.operation.settings import SettingsInvalid
from signing.errors import ProofInvalid
from signing.keys import ED25519, generate_key, private_key_pem
from signing.log.checkpoint import verify_checkpoint
from signing.log.note import NoteSigner

_FILE: Final = re.compile(r"log-([1-9][0-9]{0,9})")


class LogKeys:
    """The keys in one folder."""

    def __init__(self, folder: Path, bus: str) -> None:
        self._folder = folder
        self._bus = bus
        self._signers: dict[int, NoteSigner] = {}

    def signer(self, number: int) -> NoteSigner | None:
        """A log's signer, or None when its key isn't here.

        Raises:
            SettingsInvalid: the file is there and holds no such key.
        """
        if number not in self._signers:
            if not self._path(number).exists():
                return None
            self._signers[number] = load_log_signer(self._folder, self._bus, log_name(number))
        return self._signers[number]

    def needed(self, number: int) -> NoteSigner:
        """A log's signer. Raises SettingsInvalid when its key isn't here."""
        signer = self.signer(number)
        return signer or load_log_signer(self._folder, self._bus, log_name(number))

    def made(self, number: int) -> NoteSigner:
        """A log's signer, its key made when there is none yet.

        Raises:
            SettingsInvalid: the folder can't be written.
        """
        try:
            if not self._path(number).exists():
                write_new(self._path(number), private_key_pem(generate_key(ED25519)))
        except FileExistsError:
            pass  # another process was quicker: its key is the log's
        except OSError as error:
            what = f"{self._path(number)} can't be made ({error.strerror}); make the folder"
            raise SettingsInvalid([f"{what} writable, or put the key there."]) from error
        return self.needed(number)

    def is_genuine(self, origin: str, note: str) -> bool:
        """Whether a log of this bus signed this note; False also when its key isn't here."""
        number = number_of(origin.removeprefix(f"{self._bus}/log/"))
        signer = None if number is None else self.signer(number)
        if signer is None:
            return False
        try:
            return verify_checkpoint(note, signer.verifier).origin == origin
        except ProofInvalid:
            return False

    def origin(self, number: int) -> str:
        """A log's origin."""
        return origin_of(self._bus, number)

    def numbers(self) -> list[int]:
        """The traffic logs whose keys are here."""
        found = (_FILE.fullmatch(path.name) for path in self._folder.glob("log-*"))
        return sorted(int(match[1]) for match in found if match)

    def _path(self, number: int) -> Path:
        return self._folder / log_key_name(log_name(number))

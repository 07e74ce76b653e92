"""The keys that somebody pinned: log 0's, and those of its successors.

Invariant: a log of the directory is known by a pinned key alone. What an older log 0 holds stays
provable under its own key, so a bus whose log 0 was succeeded has several, one for each origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sealway.errors import ProfileInvalid, ProofFailed
from signing.errors import SealwayError
from signing.log.note import NoteVerifier, parse_verifier_key

LOG_0: Final = "/log/0"
_NUMBER = re.compile(r"(?:\.([1-9][0-9]{0,5}))?")


def succession(bus: str, origin: str) -> int | None:
    """0 for the bus's log 0, k for its k-th successor `<bus>/log/0.<k>`; None for another log."""
    start = bus + LOG_0
    found = _NUMBER.fullmatch(origin, len(start)) if origin.startswith(start) else None
    return None if found is None else int(found[1] or 0)


class Pinned:
    """Pinned keys by origin; at least one."""

    def __init__(self, bus: str, keys: Iterable[NoteVerifier]) -> None:
        self.bus = bus
        self._keys: dict[str, NoteVerifier] = {}
        for key in keys:
            if succession(bus, key.name) is None:
                raise ProfileInvalid(
                    f"A log_key of the profile is not of log 0 of the bus {bus!r}."
                )
            if self._keys.setdefault(key.name, key) != key:
                raise ProfileInvalid(f"Two keys are pinned for {key.name}.")
        assert self._keys, "nothing can be proven without a key"

    @classmethod
    def parse(cls, bus: str, keys: Iterable[str]) -> Pinned:
        """From verifier keys (C2SP note). Raises ProfileInvalid."""
        try:
            return cls(bus, [parse_verifier_key(key) for key in keys])
        except ProfileInvalid:
            raise
        except SealwayError as error:
            raise ProfileInvalid(f"The log key can't be used: {error.detail}") from error

    def find(self, origin: str) -> NoteVerifier | None:
        """The key pinned for that log."""
        return self._keys.get(origin)

    def of(self, origin: str) -> NoteVerifier:
        """The key of the directory log that a receipt names.

        Raises:
            ProofFailed: it is no directory log of this bus, or its key is not pinned.
        """
        key = self._keys.get(origin)
        if key is not None:
            return key
        if succession(self.bus, origin) is None:
            raise ProofFailed("The receipt names a log that is not log 0 of this bus.")
        raise ProofFailed(
            f"The receipt is of {origin}, whose key is not pinned. If the bus's log 0 was"
            " succeeded, ask the operator for that log's key by another way, and give the profile"
            " both: 'sealway profile add … --force --log-key OLD --log-key NEW'."
        )

"""Who says so: which objects of the directory a member's own key asserted, version by version.

A record may hold its owner's signed change. Where that holds, the object is `member-signed` from
that version on, until a later record changes it; everything else is `operator-asserted`. Invariant:
one statement bears out one record: shown again it says nothing.
"""

from bisect import bisect_right
from typing import Final

from registry.directory import Directory
from registry.errors import RegistryError
from registry.signed_changes import check_signed_change
from sealway.verify.findings import Code, Findings
from signing.errors import UnsupportedVersion
from signing.records import Record

MEMBER_SIGNED: Final = "member-signed"
OPERATOR_ASSERTED: Final = "operator-asserted"


class Statements:
    """Takes the records of a directory in order; memory grows with the signed ones alone."""

    def __init__(self, bus: str, findings: Findings) -> None:
        self._bus = bus
        self._findings = findings
        self._told: dict[tuple[str, str], list[tuple[int, bool]]] = {}
        self._seen: set[bytes] = set()

    def note(self, record: Record, version: int, before: Directory, place: tuple[int, int]) -> None:
        """The record that made ``version``; ``before``, where it is signed, is what it changed."""
        about = record.noun, record.key
        if record.signed_change is None:
            if about in self._told:
                self._told[about].append((version, False))
            return
        self._told.setdefault(about, []).append((version, self._holds(record, before, place)))

    def _holds(self, record: Record, before: Directory, place: tuple[int, int]) -> bool:
        raw = record.signed_change or ""
        try:
            verified = check_signed_change(raw, record, before, self._bus, record.at_ms)
        except UnsupportedVersion:
            return False  # later versions of this verifier may say more
        except RegistryError as error:
            self._findings.add(Code.SIGNED_CHANGE_FORGED, error.detail, *place)
            return False
        is_new = verified.identity not in self._seen
        self._seen.add(verified.identity)
        return is_new

    def word(self, noun: str, key: str, version: int) -> str:
        """Who asserted the object as it stood at ``version``."""
        told = self._told.get((noun, key), ())
        at = bisect_right(told, (version, True))
        return MEMBER_SIGNED if at and told[at - 1][1] else OPERATOR_ASSERTED

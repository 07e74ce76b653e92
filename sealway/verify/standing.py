"""Was this leaf's act allowed by the directory version that it names?

Judged from the leaf alone, without keys: the sender's standing, the grant and the service. A
grant's purposes need the envelope. Times are those of the leaf; acceptance looked at its clock a
moment earlier, so a limit that was passed within `CLOCK_SLACK_MS` does not count.
"""

from typing import Final

from registry.access import check_standing
from registry.directory import Directory
from registry.errors import SenderSuspended
from registry.grants import Grant
from registry.nouns import State
from sealway.verify.findings import Code, Findings
from signing.log.leaf import Leaf

CLOCK_SLACK_MS: Final = 60_000  # from the check to the commit of its group
_Key = tuple[str | None, str | None, str | None, str | None]


class Standing:
    """Judges leaves; what one directory version says of two systems is worked out once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._directory = Directory.empty()
        self._senders: dict[str, bool] = {}
        self._grants: dict[_Key, Grant | None] = {}

    def check(self, leaf: Leaf, directory: Directory, shard: int, index: int) -> Grant | None:
        """Judge the leaf of a message; the grant that a request went by, when it was in force."""
        self._enter(directory)
        sender = leaf.sender or ""
        if not self._stands(sender):
            text = f"{sender or 'Nobody'} was not an active system at directory version {leaf.reg}."
            self._findings.add(Code.SENDER_NOT_STANDING, text, shard, index)
        if leaf.k != "request":
            return None
        grant = self._grant(leaf)
        if grant is None or not _covers(grant, leaf.ts_ms, leaf.test):
            text = f"No grant '{leaf.grant}' for this request at directory version {leaf.reg}."
            self._findings.add(Code.GRANT_NOT_IN_FORCE, text, shard, index)
            return None
        return grant

    def holds(self, leaf: Leaf, directory: Directory, first_ms: int, last_ms: int) -> bool:
        """Whether nothing is wrong with leaves like this one, at any time from first to last."""
        self._enter(directory)
        if not self._stands(leaf.sender or ""):
            return False
        if leaf.k != "request":
            return True
        grant = self._grant(leaf)
        return grant is not None and all(
            _covers(grant, ts_ms, leaf.test) for ts_ms in (first_ms, last_ms)
        )

    def _enter(self, directory: Directory) -> None:
        if directory is not self._directory:
            self._directory = directory
            self._senders.clear()
            self._grants.clear()

    def _stands(self, system: str) -> bool:
        found = self._senders.get(system)
        if found is None:
            try:
                check_standing(self._directory, system)
                found = True
            except SenderSuspended:
                found = False
            self._senders[system] = found
        return found

    def _grant(self, leaf: Leaf) -> Grant | None:
        key = (leaf.sender, leaf.to, leaf.svc, leaf.grant)
        if key not in self._grants:
            self._grants[key] = self._find(leaf)
        return self._grants[key]

    def _find(self, leaf: Leaf) -> Grant | None:
        if leaf.sender is None or leaf.to is None or leaf.svc is None:
            return None
        service = self._directory.service(leaf.to, leaf.svc)
        if service is None or service.state is not State.ACTIVE or not self._stands(leaf.to):
            return None
        grants = self._directory.grants_for(leaf.sender, leaf.to, leaf.svc)
        return next((grant for grant in grants if grant.id == leaf.grant), None)


def _covers(grant: Grant, ts_ms: int, is_test: bool) -> bool:
    if grant.valid_from_ms > ts_ms or (is_test and not grant.test):
        return False
    return grant.valid_to_ms is None or ts_ms - CLOCK_SLACK_MS < grant.valid_to_ms

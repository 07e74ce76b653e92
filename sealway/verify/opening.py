"""Opening what is stored under the epoch keys that were given, and telling a wrong key from a lie.

A stored key that does not unwrap was altered, or the epoch key at hand is another one. So it is a
lie only where that epoch key opened something else; a key that opened nothing decides nothing.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sealway.verify.findings import Code, Finding, Findings
from signing.at_rest import EpochKeys, EpochUnknown, StoredInvalid

WAITING_MAX: Final = 10_000  # findings kept until a key has proved itself; the rest is counted

T = TypeVar("T")


@dataclass(slots=True)
class Opened:
    """What was learned of epoch keys, and what waits for one to prove itself."""

    good: set[int] = field(default_factory=set)
    """Epochs whose key opened something."""
    waiting: dict[int, list[Finding]] = field(default_factory=dict)
    more: Counter[tuple[int, Code]] = field(default_factory=Counter)


class Opener:
    """The epoch keys of one verification."""

    def __init__(self, keys: EpochKeys, findings: Findings) -> None:
        self.keys = keys
        self._findings = findings
        self.opened = Opened()

    def open(
        self, wrapped: bytes, open_it: Callable[[], T], code: Code, text: str, log: int, index: int
    ) -> T | None:
        """What ``open_it`` gives; None when it doesn't open, with this as the finding."""
        epoch = int.from_bytes(wrapped[:4], "big")
        try:
            opened = open_it()
        except EpochUnknown as error:
            self._findings.add(Code.EPOCH_KEY_MISSING, error.detail, log, index)
        except (StoredInvalid, ValueError):
            self._did_not_open(epoch, wrapped, Finding(code, text, log, index))
        else:
            self.opened.good.add(epoch)
            return opened
        return None

    def _did_not_open(self, epoch: int, wrapped: bytes, finding: Finding) -> None:
        if epoch not in self.opened.good and self._unwraps(wrapped):
            self.opened.good.add(epoch)
        if epoch in self.opened.good:
            self._findings.add(finding.code, finding.text, finding.log, finding.index)
        else:
            self._wait(epoch, finding)

    def _wait(self, epoch: int, finding: Finding) -> None:
        if len(waiting := self.opened.waiting.setdefault(epoch, [])) < WAITING_MAX:
            waiting.append(finding)
        else:
            self.opened.more[epoch, finding.code] += 1

    def absorb(self, opened: Opened) -> None:
        """Take over what another opener of the same keys learned."""
        self.opened.good |= opened.good
        self.opened.more += opened.more
        for epoch, waiting in opened.waiting.items():
            for finding in waiting:
                self._wait(epoch, finding)

    def _unwraps(self, wrapped: bytes) -> bool:
        try:
            self.keys.unwrap(wrapped)
        except (StoredInvalid, ValueError):
            return False
        return True

    def settle(self) -> None:
        """At the end: what did not open was altered, or its epoch's key was another one."""
        for epoch, waiting in sorted(self.opened.waiting.items()):
            if epoch in self.opened.good:
                for one in waiting:
                    self._findings.add(one.code, one.text, one.log, one.index)
                continue
            text = (
                f"The key given for epoch {epoch} opens nothing that was sealed under it:"
                " it is another key, or every wrapped key was altered."
            )
            for log in sorted({one.log for one in waiting if one.log is not None}):
                self._findings.add(Code.EPOCH_KEY_WRONG, text, log)
        for (epoch, code), times in self.opened.more.items():
            if epoch in self.opened.good:
                self._findings.counts[code] += times

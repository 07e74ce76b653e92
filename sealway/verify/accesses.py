"""What people read or took away, as log 0 tells it: one line for each `read` and `export` leaf.

The leaf says when, of which parties and which message's leaf; the record, which is sealed, says who
and why. Owns what such a line says, online and offline, and which lines a filter takes. Refuses to
decide whether a record is genuine: it comes verified, or it is None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sealway.verify.names import log_name
from signing.encoding import b64url_encode, format_time
from signing.log.leaf import Leaf
from signing.records import Record

ACCESS_KINDS: Final = frozenset({"read", "export"})
KEPT_MAX: Final = 20_000  # lines of an offline list, some 1 kB each; the rest is counted
PERSON: Final = "person:"

Place = tuple[int, int]
"""A log and an index in it."""

Seen = Callable[[Leaf, Record | None, int, int], None]
"""Called with a `read` or `export` leaf, its verified record if there is one, log and index."""


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which lines are asked for; what is None doesn't matter, the others all hold."""

    kind: str | None = None
    person: str | None = None
    message: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    """The last millisecond."""

    def takes_leaf(self, leaf: Leaf) -> bool:
        """What the leaf alone decides."""
        return (
            leaf.k in ((self.kind,) if self.kind else ACCESS_KINDS)
            and not (self.message is not None and leaf.k != "read")
            and (self.since_ms is None or leaf.ts_ms >= self.since_ms)
            and (self.until_ms is None or leaf.ts_ms <= self.until_ms)
        )

    def takes_line(self, line: dict[str, Any]) -> bool:
        """The rest: who, and of which message. A line that doesn't know is not taken."""
        who = line["person"]
        if self.person is not None and who not in (self.person, PERSON + self.person):
            return False
        return self.message is None or line.get("message") == self.message


def line_of(leaf: Leaf, record: Record | None, log: int, index: int) -> dict[str, Any]:
    """One access, for people and machines; members that don't apply are left out.

    ``person`` is null where the record can't be read, ``record`` says so.
    """
    after = record.after if record is not None and isinstance(record.after, dict) else {}
    what = {"read": "message", "export": "bundle"}[leaf.k]
    line = {
        "log": log_name(log),
        "index": index,
        "at": format_time(leaf.ts_ms),
        "kind": leaf.k,
        "person": record.actor if record is not None else None,
        "role": record.role if record is not None else None,
        "record": "read" if record is not None else "not-readable",
    }
    more = {
        what: record.key if record is not None else None,
        "from": leaf.sender,
        "to": leaf.to,
        "service": leaf.svc,
        "test": leaf.test or None,
        "leaf": leaf.ref,
        **{name: after.get(name) for name in _TOLD},
    }
    return line | {name: value for name, value in more.items() if value is not None}


_TOLD: Final = ("part", "selection", "since", "until", "recipient", "reason")


class AccessList:
    """Collects lines while logs are verified; memory is bounded."""

    def __init__(self, asked: AccessFilter) -> None:
        self._asked = asked
        self._lines: list[dict[str, Any]] = []
        self._named: dict[str, str] = {}
        self.left_out = 0
        """Lines beyond `KEPT_MAX`: ask for less at once."""
        self.not_readable = 0
        """Leaves of the time and kind asked for whose record isn't at hand."""

    def see(self, leaf: Leaf, record: Record | None, log: int, index: int) -> None:
        """The next leaf of log 0; a `Seen`."""
        asked = self._asked
        if not asked.takes_leaf(leaf):
            return
        self.not_readable += record is None
        line = line_of(leaf, record, log, index)
        if record is not None and not asked.takes_line(line):
            return
        if len(self._lines) == KEPT_MAX:
            self.left_out += 1
            return
        self._lines.append(line)
        if record is None and leaf.ref is not None:
            self._named[leaf.ref] = ""

    def name(self, leaf_hash: bytes, message: str) -> None:
        """The message of a leaf, for reads whose record isn't at hand."""
        ref = b64url_encode(leaf_hash)
        if ref in self._named:
            self._named[ref] = message

    def lines(self) -> list[dict[str, Any]]:
        """What was found, in the log's order; messages that became known are named."""
        found = []
        for line in self._lines:
            message = self._named.get(line.get("leaf", ""))
            whole = {**line, "message": message} if message else line
            if self._asked.takes_line(whole):
                found.append(whole)
        return found

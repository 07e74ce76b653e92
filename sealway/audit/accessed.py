"""Who read and who took away, within a bundle's range, as its log 0 tells it.

The leaves say when and of which parties; who it was, an id and never a name, only where the bundle
holds the records. What a party bundle hides of log 0 is counted.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from sealway.verify.accesses import line_of
from signing.log.leaf import Leaf
from signing.records import Record

LISTED_MAX: Final = 1_000
_COUNTED: Final = {"read": "reads", "export": "exports"}


@dataclass(slots=True)
class Accessed:
    """Counts, and the first lines for people."""

    counts: Counter[str] = field(default_factory=Counter)
    people: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By a person and `reads` or `exports`."""
    hidden: int = 0
    """Leaves of log 0 that are hashes: reads, exports, erasures and replays."""
    listed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, leaf: Leaf, record: Record | None, index: int) -> None:
        """The next leaf; ``record`` is its verified record, where the bundle holds it."""
        what = _COUNTED[leaf.k]
        self.counts[what] += 1
        if record is not None:
            self.people[record.actor, what] += 1
        if len(self.listed) < LISTED_MAX:
            self.listed.append(line_of(leaf, record, 0, index))

    def to_object(self) -> dict[str, Any]:
        """As the verdict shows it."""
        people: dict[str, dict[str, int]] = {}
        for (person, what), count in sorted(self.people.items()):
            people.setdefault(person, {"reads": 0, "exports": 0})[what] = count
        return {
            "reads": self.counts["reads"],
            "exports": self.counts["exports"],
            "people": people,
            "hidden": self.hidden,
            "listed": self.listed,
        }

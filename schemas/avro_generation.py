"""A made-up value of an Avro schema, in Avro's JSON encoding.

Deterministic. Takes of each union a branch that says something, and of a type that recurs the
branch that ends soonest. Who asks checks the result; owns no randomness and no data about people.
"""

from typing import Any, Final

from schemas import limits
from schemas.formats.avro_types import Node

VALUES_MAX: Final = 2_000  # more is no example to read
_LEVELS: Final = 6  # below, lists and maps are empty and unions end as soon as they can
_PLAIN: Final[dict[str, Any]] = {
    "null": None, "boolean": True, "int": 1, "long": 1, "float": 1.5, "double": 1.5,
    "bytes": "\u0001", "string": "text",
}  # fmt: skip


class _TooLarge(Exception):
    """A value of more than ``VALUES_MAX`` parts, or of too many levels."""


def avro_example(root: Node) -> tuple[Any] | None:
    """One value in a tuple; None when its smallest would be too large to read."""
    try:
        return (_Writer(root).value(root, 0),)
    except (_TooLarge, RecursionError):
        return None


class _Writer:
    def __init__(self, root: Node) -> None:
        self._left = VALUES_MAX
        self._heights = _heights(root)
        self._within: list[Node] = []

    def value(self, node: Node, level: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _TooLarge
        if node.kind in _PLAIN:
            return _PLAIN[node.kind]
        if node.kind == "fixed":
            return "\u0001" * node.size
        if node.kind == "enum":
            return node.symbols[0]
        if node.kind == "record":
            self._within.append(node)
            made = {name: self.value(inner, level + 1) for name, inner in node.fields}
            self._within.pop()
            return made
        if node.kind == "union":
            return self._union(node, level)
        short = self._is_deep(level)
        if node.kind == "array":
            return [] if short else [self.value(node.inner, level + 1)]
        return {} if short else {"key": self.value(node.inner, level + 1)}

    def _is_deep(self, level: int) -> bool:
        """Whether it is time to end: deep down, or in a record that stands in one of its own."""
        recurs = bool(self._within) and self._within.count(self._within[-1]) > 1
        return recurs or level >= _LEVELS

    def _union(self, node: Node, level: int) -> Any:
        if not self._is_deep(level):
            branch = next((one for one in node.branches if one.kind != "null"), node.branches[0])
        else:
            branch = min(node.branches, key=lambda one: self._heights[one])
        made = self.value(branch, level + 1)
        return None if branch.kind == "null" else {branch.name: made}


def _heights(root: Node) -> dict[Node, int]:
    """Levels below each type in its smallest value, counted up to what a payload may have."""
    nodes: dict[Node, None] = {}
    pending = [root]
    while pending:
        node = pending.pop()
        if node not in nodes:
            nodes[node] = None
            pending += (*(inner for _, inner in node.fields), *node.branches)
            pending += () if node.items is None else (node.items,)
    most = limits.PAYLOAD_DEPTH_MAX
    heights = {node: most if node.kind in ("record", "union") else 0 for node in nodes}
    for _ in range(most):
        for node in nodes:
            if node.kind == "record":
                below = max((heights[inner] for _, inner in node.fields), default=0)
            elif node.kind == "union":
                below = min(heights[branch] for branch in node.branches)
            else:
                continue
            heights[node] = min(most, below + 1)
    return heights

"""A log's tree as a bundle shows it: the frontier before the range, then one hash after the other.

One pass shows both that nothing is missing between two heads and that the later one extends the
earlier one, in the memory of a few hashes.
"""

from collections.abc import Mapping

from signing.log.merkle import HASH_BYTES, append_leaf, frontier_root


class Edge:
    """The right edge of a growing tree; keeps the roots at the sizes that were asked for."""

    def __init__(self, size: int, frontier: bytes, wanted: set[int]) -> None:
        self.size = size
        self._frontier = [
            frontier[at : at + HASH_BYTES] for at in range(0, len(frontier), HASH_BYTES)
        ]
        self._wanted = wanted
        self._roots: dict[int, bytes] = {}
        self._note()

    @property
    def roots(self) -> Mapping[int, bytes]:
        """Root by size, as far as the tree has grown."""
        return self._roots

    @property
    def is_whole(self) -> bool:
        """Whether the frontier has one hash for each subtree that its size asks for."""
        hashes = self._frontier
        return len(hashes) == self.size.bit_count() and all(len(h) == HASH_BYTES for h in hashes)

    def add(self, hash_: bytes) -> None:
        """The next leaf's hash."""
        append_leaf(self._frontier, self.size, hash_)
        self.size += 1
        self._note()

    def _note(self) -> None:
        if self.size in self._wanted:
            self._roots[self.size] = frontier_root(self._frontier)

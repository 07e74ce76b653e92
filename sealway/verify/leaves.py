"""A log's leaves as stored, read in order and byte for byte.

Invariant: leaf i is the i-th one read. A gap, or a group whose bytes don't add up, ends the log
there: what lies behind it has no proven place.
"""

from collections.abc import Iterator

from sealway.verify.database import Database
from sealway.verify.findings import Code, Findings
from signing.errors import ProofInvalid
from signing.log.tiles import TILE_WIDTH, parse_entries


def stored_leaves(
    database: Database, shard: int, findings: Findings | None = None, since: int = 0
) -> Iterator[list[bytes]]:
    """The leaves group by group; what is wrong is noted when ``findings`` is given.

    ``since``: the first leaf of the group to begin with, which was found before.

    Raises:
        DatabaseUnreadable: the table can't be read on.
    """
    expected = since
    for first, count, entries in database.groups(shard, since):
        problem = None
        leaves: list[bytes] = []
        if type(first) is not int or first != expected:
            problem = Code.LOG_GAP, f"Leaf {expected} is missing: the next group starts elsewhere."
        elif type(count) is not int or type(entries) is not bytes:
            problem = Code.GROUP_MALFORMED, "The group's columns are of other types."
        else:
            leaves, problem = _parsed(entries, count)
        if leaves:
            yield leaves
        expected += len(leaves)
        if problem is not None:
            if findings is not None:
                findings.add(*problem, shard, expected)
            return


def _parsed(entries: bytes, count: int) -> tuple[list[bytes], tuple[Code, str] | None]:
    leaves: list[bytes] = []
    try:
        leaves.extend(parse_entries(entries))
    except ProofInvalid as error:
        return leaves, (Code.GROUP_MALFORMED, error.detail)
    if len(leaves) != count:
        text = f"The group says it holds {count} leaves; {len(leaves)} are there."
        return leaves, (Code.GROUP_MALFORMED, text)
    return leaves, None


def in_tiles(groups: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """The same leaves, 256 at a time; the last ones may be fewer."""
    waiting: list[bytes] = []
    for leaves in groups:
        waiting += leaves
        while len(waiting) >= TILE_WIDTH:
            yield waiting[:TILE_WIDTH]
            del waiting[:TILE_WIDTH]
    if waiting:
        yield waiting

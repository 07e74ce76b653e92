"""Says quickly of 256 leaves that nothing is wrong with them; otherwise says nothing.

Looks at a whole tile by columns: one expression over its lines, one query for its rows, lists held
against lists. Only for logs whose envelopes stay shut. Invariant: a tile that is taken here would
have given the same outcome leaf by leaf (`stretch`); whatever doesn't fit, or isn't usual, is not
taken and leaves no trace.
"""

import re
from binascii import a2b_base64
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from registry.directory import Directory
from sealway.verify.bounds import VersionBounds
from sealway.verify.database import Database, DatabaseUnreadable, Row
from sealway.verify.exchanges import DURING, ENDS, Asked, story_of
from sealway.verify.findings import Code
from sealway.verify.judged import Before, Ground, Judged
from sealway.verify.pairing import Pairing, collects
from sealway.verify.receipts import Tile
from sealway.verify.standing import Standing
from signing.errors import ProofInvalid
from signing.log.leaf import LEAF_BYTES_MAX, Leaf, parse_leaf
from signing.manifest import ANSWERS, KINDS

_DIGEST: Final = "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_TEXT: Final = r'"[ !#-\[\]-~]*+"'
_NUMBER: Final = "([1-9][0-9]{0,14}+)"
_LINE: Final = re.compile(
    r'^\{"v":1,"k":"([a-z]++)","n":"[A-Za-z0-9_-]{21}[AQgw]"'
    rf',"ts":{_NUMBER}((?:,"from":{_TEXT})?+(?:,"to":{_TEXT})?+(?:,"svc":{_TEXT})?+'
    rf'(?:,"grant":{_TEXT})?+(?:,"test":true)?+),"reg":{_NUMBER}'
    rf'(?:,"ref":"({_DIGEST})")?+,"env":"{_DIGEST}"\}}$',
    re.MULTILINE,
)
"""A leaf, with its kind and the members from `from` to `test` as they stand: these are held
against one leaf that has the same ones and was parsed by itself."""
_TO_BASE64: Final = str.maketrans("-_", "+/")
_INDEX: Final = itemgetter(0)
_TYPES: Final = (int, bytes, int, bytes, bytes, int)


@dataclass(frozen=True, slots=True)
class Story:
    """What leaves of one kind share that have the same parties, service, grant and flag."""

    sender: str | None
    said: str
    mirrored: str
    is_request: bool
    ends: bool
    goes_on: bool
    """About an exchange, without an end to it."""
    is_boxed: bool


class PlainTiles:
    """The tiles of one stretch, as far as they are plain."""

    def __init__(
        self,
        database: Database,
        ground: Ground,
        judged: Judged,
        bounds: VersionBounds,
        pairing: Pairing,
        standing: Standing,
    ) -> None:
        self._database = database
        self._ground = ground
        self._judged = judged
        self._bounds = bounds
        self._pairing = pairing
        self._standing = standing
        self._shard = ground.listed.n

    def take(self, tile: Tile, numbers: Sequence[object], before: Before) -> Before | None:
        """Take the tile whose rows have these numbers; None when it isn't plain."""
        if len(numbers) != len(tile.leaves):
            return None
        found = _lines(tile.leaves)
        rows = self._rows(tile, numbers) if found else None
        if not found or rows is None:
            return None
        kinds, ts, texts, regs, refs = zip(*found, strict=True)
        times, reg = tuple(map(int, ts)), int(regs[0])
        if len(set(regs)) > 1 or not before.reg <= reg <= self._ground.last_version:
            return None
        stories = self._stories(tile, list(zip(kinds, texts, strict=True)), times, reg)
        if stories is None or not self._fits(tile, times, reg, before):
            return None
        indexes, _, senders, _, hashes, accepted = zip(*rows, strict=True)
        named = list(map(self._ground.systems.get, senders))
        if named != [story.sender for story in stories] or accepted != times:
            return None
        if indexes != tuple(range(tile.first, tile.first + len(rows))):
            return None
        if list(hashes) != tile.hashes:
            return None
        try:
            tile.follow(self._ground.scanned.note)
        except ProofInvalid:
            return None
        self._pair(tile, stories, refs, reg, rows)
        self._count(tile, times[0], reg)
        return Before(times[-1], reg)

    def _rows(self, tile: Tile, numbers: Sequence[object]) -> list[Row] | None:
        try:
            rows = list(self._database.messages(numbers, sealed=False))
        except DatabaseUnreadable:
            return None
        if len(rows) != len(tile.leaves):
            return None
        types = tuple(set(map(type, column)) for column in zip(*rows, strict=True))
        if types != tuple({one} for one in _TYPES):
            return None
        rows.sort(key=_INDEX)
        return rows

    def _fits(self, tile: Tile, times: tuple[int, ...], reg: int, before: Before) -> bool:
        """Whether times and version are those that the leaves' places allow."""
        if times[0] < before.ts_ms or list(times) != sorted(times):
            return False
        bounds, last = self._bounds, tile.first + len(times) - 1
        if bounds.around(tile.first) == bounds.around(last):
            looked_at = [(tile.first, times[0]), (last, times[-1])]
        else:
            looked_at = list(enumerate(times, tile.first))
        for index, ts_ms in looked_at:
            lowest, highest, is_timely = bounds.of(index, ts_ms)
            if not lowest <= reg <= highest or not is_timely:
                return False
        return True

    def _stories(
        self, tile: Tile, told: list[tuple[str, str]], times: tuple[int, ...], reg: int
    ) -> list[Story] | None:
        """What each leaf tells; None when one may not be told at this directory version."""
        directory = self._ground.directories.at(reg)
        known: dict[tuple[str, str], Story] = {}
        for one in set(told):
            if one[0] not in KINDS:
                return None
            try:
                leaf = parse_leaf(tile.leaves[told.index(one)])
            except ProofInvalid:
                return None
            if not self._standing.holds(leaf, directory, times[0], times[-1]):
                return None
            known[one] = _story(leaf, directory)
        return [known[one] for one in told]

    def _pair(
        self, tile: Tile, stories: list[Story], refs: tuple[str, ...], reg: int, rows: list[Row]
    ) -> None:
        pairing, shard = self._pairing, self._shard
        open_, hashes = pairing.open, tile.hashes
        padded = "=\n".join((*refs, "")).translate(_TO_BASE64).split("\n")
        for offset, story in enumerate(stories):
            index = tile.first + offset
            if story.ends and refs[offset]:
                hash_ = a2b_base64(padded[offset])
                asked = open_.get(hash_)
                if asked is not None and asked.story == story.said and asked.reg <= reg:
                    pairing.end(hash_)
                else:
                    pairing.answer(parse_leaf(tile.leaves[offset]), shard, index)
            elif story.ends or story.goes_on:
                pairing.answer(parse_leaf(tile.leaves[offset]), shard, index)
            if story.is_request or story.is_boxed:
                row = rows[offset]
                asked = Asked(story.mirrored, reg, shard, index, row[1], row[3])
                if story.is_request:
                    open_[hashes[offset]] = asked
                else:
                    pairing.box(hashes[offset], asked)

    def _count(self, tile: Tile, first_ts_ms: int, reg: int) -> None:
        judged, end = self._judged, tile.first + len(tile.leaves)
        judged.saw(first_ts_ms, reg)
        judged.counts.messages += len(tile.leaves)
        judged.counts.receipts += tile.covered
        shut = range(tile.first, end)
        judged.findings.add_times(Code.ENVELOPES_NOT_READABLE, self._shard, shut)


def _lines(leaves: list[bytes]) -> list[tuple[str, str, str, str, str]] | None:
    """Kind, time, what lies between, version and reference of each; None unless all are plain."""
    if max(map(len, leaves)) > LEAF_BYTES_MAX:
        return None
    try:
        text = b"\n".join(leaves).decode("ascii")
    except UnicodeDecodeError:
        return None
    found = _LINE.findall(text)
    return found if len(found) == len(leaves) == text.count("\n") + 1 else None


def _story(leaf: Leaf, directory: Directory) -> Story:
    return Story(
        leaf.sender,
        story_of(leaf.sender, leaf.to, leaf.svc, leaf.test),
        story_of(leaf.to, leaf.sender, leaf.svc, leaf.test),
        leaf.k == "request",
        leaf.k in ENDS,
        leaf.k in DURING,
        leaf.k in ANSWERS and collects(directory, leaf.to),
    )

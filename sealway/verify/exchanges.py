"""Exchanges that go on elsewhere than where they began, joined on disk by their request's hash.

A request's leaf, and each leaf that refers to it, is one row of a temporary database that SQLite
sorts and deletes. Settling goes through one exchange after another, so memory stays the same at
any number of them. Invariant: what is found is reported by its place, whatever the order of `add`.
"""

import sqlite3
from collections.abc import Iterable
from types import TracebackType
from typing import Final, NamedTuple, Self

from sealway.verify.findings import Code, Findings
from signing.encoding import b64url_encode

ENDS: Final = frozenset({"response", "rejection", "cancel", "expired"})
DURING: Final = frozenset({"interim", "delivered", "dead"})
DELIVERY: Final = frozenset({"delivered", "dead"})
"""What the bus states of a delivery: a request's, or an answer's in its consumer's mailbox."""
_MIRRORED: Final = frozenset({"response", "rejection", "interim"})
_ASKED: Final = ("open", "ended", "boxed", "collected")
_CACHE_KIB: Final = 8_192
_KEPT: Final = (
    "(hash BLOB, shard INTEGER, idx INTEGER, sort TEXT, story TEXT, reg INTEGER, id BLOB, digest,"
    " is_open INTEGER)"
)

Names = tuple[bytes, str] | None
"""Id and digest of the request that an answer names; a record names the id alone."""

Kept = tuple[bytes, int, int, str, str, int, bytes | None, bytes | str | None, bool]
"""A row: hash of the request's leaf, shard, index, sort, story, directory version, id, digest,
whether an answer's names are known. The sort is one of `_ASKED`, or an answer's kind."""


class Asked(NamedTuple):
    """A request's leaf, or a boxed answer's, and its row as far as it is known."""

    story: str
    """What an answer to it must say: its parties the other way round, its service and flag."""
    reg: int
    shard: int
    at: int
    id: bytes
    digest: bytes


class Answer(NamedTuple):
    """A leaf that is about an exchange."""

    kind: str
    story: str
    reg: int
    shard: int
    at: int


def story_of(sender: str | None, to: str | None, service: str | None, test: bool) -> str:
    """Parties, service and flag of a leaf, as one text to compare."""
    return repr((sender, to, service, test))


def kept_request(hash_: bytes, sort: str, asked: Asked) -> Kept:
    """The row of a request that is open or ended, or of a boxed answer."""
    story, reg, shard, index, id_, digest = asked
    return hash_, shard, index, sort, story, reg, id_, digest, True


def kept_answer(ref: bytes, answer: Answer, names: Names, *, is_open: bool) -> Kept:
    """The row of an answer."""
    kind, story, reg, shard, index = answer
    id_, digest = names or (None, None)
    return ref, shard, index, kind, story, reg, id_, digest, is_open


class Rules:
    """What must hold between an answer and what it answers; what doesn't is a finding."""

    def __init__(
        self, findings: Findings, *, several: bool, partial: bool = False, outside: bool = False
    ) -> None:
        """``partial``: not every act is here. ``outside``: nor every leaf, from the beginning."""
        self.findings = findings
        self.several = several
        self._partial = partial
        self._outside = outside

    def of(self, findings: Findings) -> "Rules":
        """The same rules; what they find goes elsewhere."""
        several, partial, outside = self.several, self._partial, self._outside
        return Rules(findings, several=several, partial=partial, outside=outside)

    def check(self, answer: Answer, asked: Asked) -> None:
        """Hold an answer's leaf against its request's."""
        if answer.kind in _MIRRORED and answer.story != asked.story:
            text = f"The {answer.kind} names other parties, service or flag than its request."
            self._add(Code.ANSWER_DIFFERS, text, answer)
        if answer.reg < asked.reg:
            text = (
                f"The {answer.kind} names directory version {answer.reg}, its request {asked.reg}:"
                " it can't have been accepted before it."
            )
            self._add(Code.VERSION_WRONG, text, answer)

    def check_names(self, answer: Answer, named: Names, asked: Asked) -> None:
        """Hold what an answer's envelope or record says against its request."""
        if self._partial and not asked.id:
            return  # the request's own act is not here
        digest = b64url_encode(asked.digest)
        if named is None or named[0] != asked.id or named[1] not in ("", digest):
            code = Code.ANSWER_DIFFERS if named is None or named[1] else Code.RECORD_DIFFERS
            self._add(code, "What it says is about another request than its leaf.", answer)

    def unpaired(self, answer: Answer) -> None:
        """An answer to nothing that was asked."""
        text, code = f"The {answer.kind} answers no open request.", Code.ANSWER_UNPAIRED
        if self._outside:
            text = f"What this {answer.kind} answers is not in the range; choose a longer one."
            code = Code.REQUEST_OUTSIDE
        self._add(code, text, answer)

    def _add(self, code: Code, text: str, answer: Answer) -> None:
        self.findings.add(code, text, answer.shard, answer.at)


class Exchanges:
    """What parts of the logs left over; a context that owns its temporary file."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._connection = sqlite3.connect("", isolation_level=None)  # on disk, and gone at the end
        for statement in (
            f"PRAGMA cache_size=-{_CACHE_KIB}",
            "PRAGMA temp_store=FILE",
            "PRAGMA journal_mode=OFF",
            f"CREATE TABLE kept {_KEPT}",
            "CREATE TABLE found (shard INTEGER, idx INTEGER, code TEXT, text TEXT)",
        ):
            self._connection.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def add(self, kept: Iterable[Kept]) -> None:
        """Take rows, in any order."""
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", kept)
        self._connection.execute("COMMIT")

    def settle(self) -> int:
        """Pair everything; returns how many exchanges are still open."""
        still_open, exchange = 0, _Exchange(self._rules.of(_Placed(self._connection)), b"")
        rows = self._connection.execute(
            "SELECT * FROM kept"  # noqa: S608
            f" ORDER BY hash, sort NOT IN {_ASKED}, shard, idx, sort, is_open"
        )
        for row in rows:
            if row[0] != exchange.hash:
                still_open += exchange.is_open
                exchange = _Exchange(exchange.rules, row[0])
            exchange.take(row)
        still_open += exchange.is_open
        found = "SELECT code, text, shard, idx FROM found ORDER BY shard, idx, rowid"
        for code, text, shard, index in self._connection.execute(found):
            self._rules.findings.add(Code(code), text, shard, index)
        return still_open


class _Placed(Findings):
    """Findings on their way through the temporary file, to be sorted by their place."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def add(self, code: Code, text: str, log: int | None = None, index: int | None = None) -> None:
        values = (log, index, code.value, text)
        self._connection.execute("INSERT INTO found VALUES (?, ?, ?, ?)", values)


class _Exchange:
    """All that was kept of one request's leaf, or of one boxed answer's: that first, then answers.

    The order of two logs is not known, so with several of them an answer may stand before its
    request, and what goes on during an exchange behind its end.
    """

    def __init__(self, rules: Rules, hash_: bytes) -> None:
        self.rules = rules
        self.hash = hash_
        self.is_open = False
        self._asked: Asked | None = None
        self._boxed: Asked | None = None
        self._is_collected = False

    def take(self, row: Kept) -> None:
        """The next row."""
        _, shard, index, sort, story, reg, id_, digest, _ = row
        if sort not in _ASKED:
            self._answer(row)
            return
        assert isinstance(id_, bytes)
        assert isinstance(digest, bytes)
        asked = Asked(story, reg, shard, index, id_, digest)
        if sort in ("boxed", "collected"):
            self._boxed, self._is_collected = asked, sort == "collected"
        else:
            self._asked, self.is_open = asked, sort == "open"

    def _answer(self, row: Kept) -> None:
        _, shard, index, kind, story, reg, id_, digest, is_open = row
        answer = Answer(kind, story, reg, shard, index)
        asked = self._about(answer)
        if asked is None:
            self.rules.unpaired(answer)
            return
        self.rules.check(answer, asked)
        if is_open:
            assert not isinstance(digest, bytes)
            named = None if id_ is None or digest is None else (id_, digest)
            self.rules.check_names(answer, named, asked)
        if kind in ENDS:
            self.is_open = False

    def _about(self, answer: Answer) -> Asked | None:
        asked, several = self._asked, self.rules.several
        if asked is not None and not several and answer.at < asked.at:
            asked = None
        if self.is_open and asked is not None:
            return asked
        if answer.kind in DELIVERY and self._boxed is not None:
            return self._delivered(answer, self._boxed)
        return asked if several and answer.kind in DURING else None

    def _delivered(self, answer: Answer, boxed: Asked) -> Asked | None:
        several, was_collected = self.rules.several, self._is_collected
        if not several and answer.at < boxed.at:
            return None
        if answer.kind == "delivered":
            self._is_collected = True
            return None if was_collected else boxed
        return boxed if several or not was_collected else None

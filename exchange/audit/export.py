"""Exports: an evidence bundle made as a stream, its range between two heads of log 0.

Owns the order: the export is recorded in log 0, then log 0 is anchored, then the first byte leaves
(docs/evidence.md). Refuses to decide who may have it: whoever asks here has shown the role. What is
in memory at one time is one file of the bundle.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from exchange.acceptance.accesses import Accesses
from exchange.acceptance.changes import Actor, DirectoryLog, Heads
from exchange.audit.reading import PLACES_WINDOW, LogReader, Opened
from exchange.audit.sealing import sealed_for
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.logs import Logs
from registry.errors import Conflict
from sealway.audit.container import ContainerWriter
from sealway.audit.inventory import FileLine, Inventory, LogLine, Range
from sealway.audit.layout import (
    ACTS_BYTES,
    CHECKPOINT,
    INVENTORY,
    LEAVES_A_FILE,
    Act,
    Shown,
    acts_name,
    anchor_name,
    encode_act,
    encode_shown,
    frontier_name,
    leaves_name,
    stamp_name,
)
from sealway.audit.selection import FULL, NAMES_NOBODY, RECORDS_ALWAYS, Selection
from sealway.audit.spans import Span, Spans
from signing.encoding import format_time
from signing.keys import Signer
from signing.log.leaf import parse_leaf
from signing.log.merkle import leaf_hash
from signing.records import Record, decode_record
from signing.sealed import parse_recipient


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to take away, and who."""

    selection: Selection
    since_ms: int | None
    until_ms: int | None
    actor: Actor
    reason: str | None
    name: str
    recipient: str | None


@dataclass(frozen=True, slots=True)
class Planned:
    """An export that is recorded and may leave."""

    asked: Asked
    range: Range
    spans: list[Span]
    note: str
    size: int
    """Leaves of log 0 under the note."""
    made_ms: int


@dataclass(slots=True)
class _Files:
    """The container as it grows, and what its inventory will say."""

    writer: ContainerWriter = field(default_factory=ContainerWriter)
    lines: list[FileLine] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> bytes:
        self.lines.append(FileLine(name, len(data), hashlib.sha256(data).hexdigest()))
        return self.writer.add(name, data)


class Exporter:
    """Makes bundles of one bus."""

    def __init__(
        self,
        bus: str,
        reader: LogReader,
        logs: Logs,
        directory_log: DirectoryLog,
        heads: Heads,
        accesses: Accesses,
        signer: Signer,
        clock: Callable[[], int],
    ) -> None:
        self._bus = bus
        self._reader = reader
        self._logs = logs
        self._directory_log = directory_log
        self._heads = heads
        self._accesses = accesses
        self._signer = signer
        self._clock = clock

    async def export(
        self,
        selection: Selection,
        since_ms: int | None,
        until_ms: int | None,
        actor: Actor,
        reason: str | None,
        name: str,
        recipient: str | None = None,
    ) -> AsyncIterator[bytes]:
        """Record an export, settle its range, and give its bytes; none has left on return.

        With a ``recipient`` (`signing.sealed.parse_recipient`) the bytes are sealed for it.

        Raises:
            EncodingInvalid: the recipient is nobody's key.
            Conflict: log 0 was succeeded.
            SealwayError: log 0 can't be written or read; nothing may leave.
        """
        asked = Asked(selection, since_ms, until_ms, actor, reason, name, recipient)
        key = None if recipient is None else parse_recipient(recipient)
        pieces = self._pieces(await self._plan(asked))
        return pieces if key is None else sealed_for(key, pieces)

    async def preview(
        self, selection: Selection, since_ms: int | None, until_ms: int | None
    ) -> dict[str, Any]:
        """How many leaves of each log a selection takes. Raises SealwayError.

        Without an end the range goes to where the logs are now: an export anchors them first.
        """
        self._check_log_zero()
        signed = self._directory_log.writer.signed
        if signed is None:
            raise LogUnavailable("Nothing of log 0 is signed yet; ask again in a moment.")
        range_, spans = await self._range(since_ms, until_ms, signed.size)
        now = {} if until_ms is not None else {one.shard: one.size for one in await self._heads()}
        logs = []
        for span in spans:
            picked, end = 0, max(span.end, now.get(span.n, 0))
            async for _, raw in self._reader.leaves(span.n, span.first, end):
                picked += selection.picks(parse_leaf(raw))
            logs.append({"n": span.n, "leaves": end - span.first, "selected": picked})
        return {
            "range": [range_.start, range_.end],
            "leaves": sum(one["leaves"] for one in logs),
            "selected": sum(one["selected"] for one in logs),
            "logs": logs,
        }

    def _check_log_zero(self) -> None:
        """A bundle has one log 0. Raises Conflict: this bus goes on in a successor of it."""
        if self._directory_log.writer.head.shard != 0:
            raise Conflict("Log 0 was succeeded here; audit a copy of the folder instead.")

    async def _plan(self, asked: Asked) -> Planned:
        self._check_log_zero()
        described = {
            "selection": asked.selection.to_object(),
            "since": _time(asked.since_ms),
            "until": _time(asked.until_ms),
        }
        if asked.recipient is not None:
            described["recipient"] = asked.recipient
        party = asked.selection.party[0] if len(asked.selection.party) == 1 else None
        await self._accesses.record_export(asked.name, described, asked.actor, asked.reason, party)
        await self._directory_log.write_heads(self._heads)
        signed = self._directory_log.writer.signed
        assert signed is not None, "log 0 was just sealed"
        range_, spans = await self._range(asked.since_ms, asked.until_ms, signed.size)
        return Planned(asked, range_, spans, signed.note, signed.size, self._clock())

    async def _range(
        self, since_ms: int | None, until_ms: int | None, size: int
    ) -> tuple[Range, list[Span]]:
        """From the last heads before what is asked for to the first after it."""
        start, end = None, None
        shards: list[int] = []
        async for index, raw in self._reader.leaves(0, 0, size):
            leaf = parse_leaf(raw)
            if leaf.k == "shard":
                shards.append(index)
            if leaf.k != "heads":
                continue
            if since_ms is not None and leaf.ts_ms <= since_ms:
                start = index
            end = index
            if until_ms is not None and leaf.ts_ms >= until_ms:
                break
        if end is None:
            raise LogUnavailable("Log 0 has no heads yet; ask again in a minute.")
        spans = Spans(Range(start, end))
        for index in sorted({*shards, end} | (set() if start is None else {start})):
            spans.add(await self._record_of_zero(index), index)
        return spans.range, spans.spans()

    async def _record_of_zero(self, index: int) -> Record:
        leaf = await self._reader.leaf(0, index)
        return decode_record((await self._reader.record(0, index, leaf)).data)

    # --- the stream ---------------------------------------------------------------------------

    async def _pieces(self, planned: Planned) -> AsyncIterator[bytes]:
        files = _Files()
        yield files.add(CHECKPOINT, planned.note.encode())
        async for piece in self._log_zero(planned, files):
            yield piece
        for span in planned.spans:
            if span.first < span.end:
                async for piece in self._log(span, planned.asked.selection, files):
                    yield piece
        for row in await self._reader.anchors(planned.range.start, planned.size):
            yield files.add(anchor_name(row.size), row.note.encode())
            if row.token is not None:
                yield files.add(stamp_name(row.size), row.token)
        yield files.writer.add(INVENTORY, self._inventory(planned, files).sign(self._signer))
        yield files.writer.finish()

    def _inventory(self, planned: Planned, files: _Files) -> Inventory:
        return Inventory(
            bus=self._bus,
            log_key=self._directory_log.writer.verifier_key,
            made_ms=planned.made_ms,
            by=planned.asked.actor.name,
            selection=planned.asked.selection,
            range=planned.range,
            logs=tuple(LogLine(one.n, one.first, one.end) for one in planned.spans),
            files=tuple(files.lines),
        )

    async def _log_zero(self, planned: Planned, files: _Files) -> AsyncIterator[bytes]:
        run, range_ = _Run(0, 0, files), planned.range
        selection = planned.asked.selection
        shows_all = selection.form == FULL
        async for index, raw in self._reader.leaves(0, 0, planned.size):
            leaf, act = parse_leaf(raw), None
            inside = (range_.start or 0) <= index <= range_.end
            of_range = leaf.k == "heads" or selection.picks_access(leaf)
            if leaf.k in RECORDS_ALWAYS or (inside and of_range):
                act = await self._reader.record(0, index, leaf)
            shown = raw if shows_all or leaf.k in NAMES_NOBODY else None
            for piece in run.add(Shown(shown, leaf_hash(raw)), act):
                yield piece
        for piece in run.finish():
            yield piece

    async def _log(self, span: Span, selection: Selection, files: _Files) -> AsyncIterator[bytes]:
        log = await self._logs.signed_to(span.n, span.end)
        if span.first:
            hashes = await log.nodes.frontier(span.first, log.tree)
            yield files.add(frontier_name(span.n), b"".join(hashes))
        run, picked = _Run(span.n, span.first, files), _Picked(selection)
        places: dict[int, bytes] = {}
        async for index, raw in self._reader.leaves(span.n, span.first, span.end):
            if (index - span.first) % PLACES_WINDOW == 0:
                window_end = min(index + PLACES_WINDOW, span.end)
                places = await self._reader.places(span.n, index, window_end)
            leaf, act = parse_leaf(raw), None
            if selection.picks(leaf):
                act = picked.of(
                    await self._reader.act(
                        span.n, index, leaf, places.get(index), content=selection.content
                    )
                )
            shown = Shown(raw if selection.shows(leaf) else None, leaf_hash(raw))
            for piece in run.add(shown, act):
                yield piece
        for piece in run.finish():
            yield piece


class _Picked:
    """Applies what an envelope decides: parts of other purposes stay behind."""

    def __init__(self, selection: Selection) -> None:
        self._purposes = selection.purpose
        self._requests: set[str] = set()

    def of(self, opened: Opened) -> Act:
        """The act as it leaves."""
        manifest = opened.manifest
        if not self._purposes or manifest is None:
            return opened.act
        if manifest.purpose in self._purposes:
            self._requests.add(manifest.id)
        elif manifest.about is None or manifest.about.id not in self._requests:
            return opened.envelope_only
        return opened.act


class _Run:
    """One log's leaves and acts on their way into files."""

    def __init__(self, n: int, first: int, files: _Files) -> None:
        self._n = n
        self._first = first
        self._files = files
        self._leaves: list[bytes] = []
        self._acts = bytearray()

    def add(self, shown: Shown, act: Act | None) -> list[bytes]:
        """The next leaf; the files that it filled."""
        self._leaves.append(encode_shown(shown))
        if act is not None:
            self._acts += encode_act(act)
        full = len(self._leaves) == LEAVES_A_FILE or len(self._acts) >= ACTS_BYTES
        return self.finish() if full else []

    def finish(self) -> list[bytes]:
        """The files of what is left."""
        if not self._leaves:
            return []
        pieces = [self._files.add(leaves_name(self._n, self._first), b"".join(self._leaves))]
        if self._acts:
            pieces.append(self._files.add(acts_name(self._n, self._first), bytes(self._acts)))
        self._first += len(self._leaves)
        self._leaves, self._acts = [], bytearray()
        return pieces


def _time(ms: int | None) -> str | None:
    return None if ms is None else format_time(ms)

"""Cosignatures that witnesses bring, those which only talk outward (docs/how-to/witness.md).

Owns which checkpoint they are shown, and what is taken. The cosignature itself is the credential:
it must be by a listed key, of a checkpoint that this log signed and still extends, and recent.
Invariant: within a minute every witness is shown one checkpoint, by whichever process, so that
those who poll at their own times cosign the same.
"""

from collections import Counter, OrderedDict, deque
from typing import Final, Protocol

from exchange.acceptance.changes import DirectoryLog
from exchange.ledger.errors import LogBehind, LogUnavailable
from exchange.ledger.log_writer import Clock, LogWriter
from exchange.ledger.stored_log import LeafReads
from exchange.storage.rows import AnchorRow
from exchange.witnessing.asking import APART_MS_MAX
from exchange.witnessing.errors import (
    CheckpointForeign,
    CosignatureRefused,
    CosignaturesTooOften,
)
from exchange.witnessing.keeping import AnchorKeeper, new_row
from exchange.witnessing.rules import AnchorRules, AskedWitness
from signing.encoding import b64_encode
from signing.errors import ProofInvalid, SealwayError
from signing.log.checkpoint import Checkpoint, verify_checkpoint
from signing.log.cosignature import verify_cosignature
from signing.log.note import NoteVerifier, note_signatures, note_text, parse_verifier_key

NOTE_BYTES_MAX: Final = 4_096  # a checkpoint and a signature line have about 350
SHOWN_MS: Final = 60_000  # as long as a heads leaf is the last one
TAKEN_MAX: Final = 30  # of one witness, in `SHOWN_MS`: one that polls every five seconds brings 12
_REMEMBERED: Final = 256


class AnchorReads(LeafReads, Protocol):
    """What is read of anchors."""

    async def last_anchor(self, log: int, *, cosigned: bool, stamped: bool) -> AnchorRow | None:
        """The anchor of the largest tree."""

    async def anchors(
        self, log: int, heads_from_ms: int, count_max: int, *, cosigned: bool, stamped: bool
    ) -> list[AnchorRow]:
        """Anchors whose heads leaf isn't older, the smallest first."""


class Collecting:
    """Shows the checkpoint to cosign, and takes cosignatures of log 0's checkpoints."""

    def __init__(
        self,
        rules: AnchorRules,
        directory_log: DirectoryLog,
        keeper: AnchorKeeper,
        reads: AnchorReads,
        clock: Clock,
    ) -> None:
        self.brought: Counter[str] = Counter()
        """Calls, by outcome; nothing else is told of those that were refused."""
        self._witnesses = rules.witnesses
        self._directory_log = directory_log
        self._keeper = keeper
        self._reads = reads
        self._clock = clock
        self._taken: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._times: dict[str, deque[int]] = {one.name: deque() for one in rules.witnesses}

    @property
    def is_open(self) -> bool:
        """Whether any witness is listed."""
        return bool(self._witnesses)

    async def shown(self, log: int) -> str | None:
        """The checkpoint of a directory log to cosign now, with the cosignatures so far.

        It is the first one kept that covers a heads leaf of the latest minute that has any; None
        while there is none. Raises StorageUnavailable.
        """
        if not self.is_open:
            return None
        row = await self._reads.last_anchor(log, cosigned=False, stamped=False)
        if row is not None and row.heads_at_ms is not None:
            minute_ms = row.heads_at_ms - row.heads_at_ms % SHOWN_MS
            first = await self._reads.anchors(log, minute_ms, 1, cosigned=False, stamped=False)
            row = first[0] if first else row
        return None if row is None else row.note

    async def take(self, body: bytes) -> None:
        """Keep the cosignatures of a signed note, as a witness brings it.

        Raises:
            CosignatureRefused: no note, or no recent cosignature by a listed witness.
            CheckpointForeign: this log never signed it, or has another tree of that size.
            CosignaturesTooOften: more of one witness than it can need.
            LogUnavailable, StorageUnavailable: it can't be compared or kept now.
        """
        try:
            await self._take(body)
        except SealwayError as error:
            self.brought[error.code] += 1
            raise

    async def _take(self, body: bytes) -> None:
        note = _parsed(body)
        lines = self._recent(note)
        writer = self._directory_log.writer
        log = parse_verifier_key(writer.verifier_key)
        try:
            checkpoint = verify_checkpoint(note, log)
        except ProofInvalid as error:
            raise CheckpointForeign(error.detail) from error
        if note_text(note) != checkpoint.text:
            raise CheckpointForeign("The log's checkpoints have three lines.")
        new = {name: line for name, line in lines.items() if not self._is_known(name, checkpoint)}
        if not new:
            self.brought["repeated"] += 1  # it is kept: no work for the database
            return
        for name in new:
            self._count(name)
        await _check_extended(writer, checkpoint)
        signed = _signed_by(log, note)
        shard = writer.head.shard
        row = await new_row(self._reads, shard, checkpoint.size, signed + "".join(new.values()))
        await self._keeper.keep(row)
        for name in new:
            self._taken[(name, checkpoint.text)] = None
        while len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        self.brought["kept"] += 1

    def _is_known(self, name: str, checkpoint: Checkpoint) -> bool:
        return (name, checkpoint.text) in self._taken

    def _recent(self, note: str) -> dict[str, str]:
        """The lines of listed witnesses, by name, each verified and recent."""
        found: dict[str, str] = {}
        for name, signature in note_signatures(note):
            one = self._listed(name, signature)
            if one is None:
                continue
            if one.name in found:
                raise CosignatureRefused("A witness's cosignature is there twice.")
            found[one.name] = f"— {name} {b64_encode(signature)}\n"
        if not found:
            raise CosignatureRefused("No witness that this bus lists cosigned the note.")
        for one in self._witnesses:
            if one.name in found:
                self._check(note, one)
        return found

    def _listed(self, name: str, signature: bytes) -> AskedWitness | None:
        for one in self._witnesses:
            if name == one.verifier.name and signature[:4] == one.verifier.key_hash:
                return one
        return None

    def _check(self, note: str, one: AskedWitness) -> None:
        try:
            time_s = verify_cosignature(note, one.verifier)
        except ProofInvalid as error:
            raise CosignatureRefused(error.detail) from error
        if abs(time_s * 1000 - self._clock()) > APART_MS_MAX:
            raise CosignatureRefused(
                f"The cosignature by {one.verifier.name} is more than"
                f" {APART_MS_MAX // 60_000} minutes away from this bus's clock."
            )

    def _count(self, name: str) -> None:
        """A sliding minute; who repeats what was taken isn't counted."""
        times, now_ms = self._times[name], self._clock()
        while times and now_ms - times[0] >= SHOWN_MS:
            times.popleft()
        if len(times) >= TAKEN_MAX:
            raise CosignaturesTooOften(f"More than {TAKEN_MAX} cosignatures of {name} in a minute.")
        times.append(now_ms)


def _parsed(body: bytes) -> str:
    try:
        note = body.decode("utf-8")
        note_text(note)
        note_signatures(note)
    except UnicodeDecodeError as error:
        raise CosignatureRefused("The note is not UTF-8.") from error
    except ProofInvalid as error:
        raise CosignatureRefused(error.detail) from error
    return note


async def _check_extended(writer: LogWriter, checkpoint: Checkpoint) -> None:
    """Return when the log's tree has that root at that size."""
    if checkpoint.size > writer.head.size:
        await writer.follow()
    if checkpoint.size > writer.head.size:
        raise LogUnavailable("The log isn't that far here; try again in a moment.")
    try:
        await writer.check_extends(checkpoint.size, checkpoint.root)
    except LogBehind as error:
        raise CheckpointForeign("The log has another tree of that size.") from error


def _signed_by(log: NoteVerifier, note: str) -> str:
    """The note with the log's own signature alone."""
    for name, signature in note_signatures(note):
        if name == log.name and signature[:4] == log.key_hash:
            return f"{note_text(note)}\n— {name} {b64_encode(signature)}\n"
    raise AssertionError("the note was verified")

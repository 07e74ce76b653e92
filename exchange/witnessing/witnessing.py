"""The round: ask witnesses about log 0's last checkpoint, have it stamped when due, keep both.

Owns when to ask. One process at a time does (a lease in the database); the others only look how
late it is. A process without egress never asks. Harmless to repeat: a witness cosigns the same
checkpoint again, and what is kept is only added to.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

import structlog

from adapters.egress import Egress
from exchange.acceptance.changes import DirectoryLog
from exchange.ledger.log_writer import Clock, Signed
from exchange.storage.rows import AnchoringState, AnchorRow
from exchange.witnessing.asking import Outcome, WitnessAsker
from exchange.witnessing.collecting import SHOWN_MS, AnchorReads, Collecting
from exchange.witnessing.errors import AnchorNotYet
from exchange.witnessing.keeping import AnchorKeeper, AnchorStore, new_row
from exchange.witnessing.lateness import Lateness
from exchange.witnessing.rules import AnchorRules
from exchange.witnessing.stamping import Stamper
from signing.errors import SealwayError
from signing.log.note import note_text

log = structlog.get_logger()

ROUND_S: Final = 5.0
FIRST_S: Final = 3.0  # a bus that was stopped for a day accepts as soon as witnesses answer
LEASE_MS: Final = 120_000  # a round with every witness and authority silent takes under a minute
AGAIN_MS: Final = 15_000  # so long what failed rests, unless there is a newer checkpoint
DAY_MS: Final = 86_400_000


class Witnessing:
    """Anchors log 0 with others, as far as the settings name any."""

    def __init__(
        self,
        rules: AnchorRules,
        directory_log: DirectoryLog,
        store: AnchorStore,
        reads: AnchorReads,
        egress: Egress | None,
        clock: Clock,
    ) -> None:
        """``egress``: None in a process that never asks."""
        self.rules = rules
        self.lateness = Lateness(rules, clock)
        self.asked: Counter[str] = Counter()
        """Questions to witnesses, by outcome."""
        self._keeper = AnchorKeeper(rules, store, self.lateness, clock)
        self.collecting = Collecting(rules, directory_log, self._keeper, reads, clock)
        self._directory_log = directory_log
        self._store = store
        self._reads = reads
        self._clock = clock
        self._askers = [
            WitnessAsker(one, one.url, egress, clock)
            for one in rules.witnesses
            if egress is not None and one.url is not None
        ]
        self._stamper = Stamper(rules.authorities, egress, clock) if egress is not None else None
        self._row: AnchorRow | None = None
        """The checkpoint in hand, with what came so far."""
        self._met: set[str] = set()
        """The witnesses that cosigned it."""
        self._shown_minute: int | None = None
        self._tried_ms = {"witnesses": 0, "authorities": 0}
        self._was_late = False
        self._turn = asyncio.Lock()

    @property
    def stamped(self) -> Counter[str]:
        """Questions to time-stamp authorities, by outcome."""
        return Counter() if self._stamper is None else self._stamper.outcomes

    @property
    def holder(self) -> bool:
        """Whether this process is the one that asks now."""
        state = self.lateness.state
        return self._stamper is not None and state is not None and state.is_mine

    async def begin(self) -> None:
        """The first round, before the process says that it is ready; it waits a moment at most."""
        with contextlib.suppress(SealwayError, TimeoutError):
            async with asyncio.timeout(FIRST_S):
                await self.look()

    async def look(self) -> None:
        """One round. Raises SealwayError: the database or log 0 can't be used now."""
        async with self._turn:
            await self._look(is_urgent=False)

    async def anchor_now(
        self, write_heads: Callable[[], Awaitable[object]], within_s: float = 30.0
    ) -> AnchorRow | None:
        """Anchor everything that is committed now, before an export; the anchor that covers it.

        None when the settings name nobody to ask. ``write_heads`` writes a heads leaf. Where
        another process asks, waits for it: then the time-stamp comes when that one's is due.

        Raises:
            AnchorNotYet: too few vouched for it within the time.
            SealwayError: the heads leaf can't be written, or the database not be asked.
        """
        if not self.rules.needs_anything:
            return None
        await write_heads()
        size = self._directory_log.writer.head.size
        try:
            async with asyncio.timeout(within_s):
                while True:
                    async with self._turn:
                        await self._look(is_urgent=True)
                    row = await self.last(size)
                    if row is not None:
                        return row
                    await asyncio.sleep(0.5)
        except TimeoutError as error:
            raise AnchorNotYet from error

    async def last(self, size_min: int = 0) -> AnchorRow | None:
        """The latest checkpoint that has everything the settings ask for, of at least this size."""
        row = await self._reads.last_anchor(
            self._log,
            cosigned=bool(self.rules.witnesses),
            stamped=bool(self.rules.authorities),
        )
        return row if row is not None and row.size >= size_min else None

    @property
    def _log(self) -> int:
        return self._directory_log.writer.head.shard

    async def _look(self, *, is_urgent: bool) -> None:
        if not self.rules.needs_anything:
            return
        state = await self._store.take_anchoring(
            self._log,
            self._clock(),
            LEASE_MS if self._stamper is not None else None,
            cosigned=bool(self.rules.witnesses),
            stamped=bool(self.rules.authorities),
        )
        self.lateness.state = state
        if self._stamper is not None and state.is_mine:
            await self._anchor(self._stamper, state, is_urgent=is_urgent)
        self._tell()

    async def _anchor(self, stamper: Stamper, state: AnchoringState, *, is_urgent: bool) -> None:
        signed = await self._signed()
        if signed is None:
            return
        row = self._row
        if row is None or (row.log, row.size) != (self._log, signed.size):
            row = await new_row(self._reads, self._log, signed.size, signed.note)
            row = self._row = await self._shown(row)
            self._met = set()
            self._tried_ms["witnesses"] = 0
        if self._askers and row.cosigned_at_ms is None and self._may_try("witnesses", is_urgent):
            row = await self._cosigned(row)
        if self.rules.authorities and (is_urgent or self._is_stamp_time(state)):
            chosen = await self._to_stamp(state, row, is_urgent=is_urgent)
            if chosen is not None and self._may_try("authorities", is_urgent):
                await self._stamped(stamper, chosen)

    async def _shown(self, row: AnchorRow) -> AnchorRow:
        """Keep the first checkpoint of each minute for witnesses that come by themselves."""
        minute = (row.heads_at_ms or 0) // SHOWN_MS
        if not self.rules.has_pollers or self._shown_minute == minute:
            return row
        kept = await self._keeper.keep(row)
        self._shown_minute = minute
        return kept

    def _may_try(self, whom: str, is_urgent: bool) -> bool:
        now_ms = self._clock()
        if not is_urgent and now_ms - self._tried_ms[whom] < AGAIN_MS:
            return False
        self._tried_ms[whom] = now_ms
        return True

    def _is_stamp_time(self, state: AnchoringState) -> bool:
        """Every few minutes, at the start, and once more when the day (UTC) has ended."""
        last_ms, now_ms = state.stamped_at_ms or 0, self._clock()
        is_first = not self.stamped["stamped"]
        is_next_day = last_ms // DAY_MS != now_ms // DAY_MS
        return is_first or is_next_day or now_ms - last_ms >= self.rules.stamp_every_ms

    async def _to_stamp(
        self, state: AnchoringState, row: AnchorRow, *, is_urgent: bool
    ) -> AnchorRow | None:
        """The checkpoint in hand, or the last one that witnesses came to cosign by themselves.

        A checkpoint that witnesses still have to cosign is waited for, once: one that has both is
        what anchors a leaf.
        """
        if self.rules.witnesses and row.cosigned_at_ms is None:
            if self.rules.has_pollers:
                last = await self._reads.last_anchor(self._log, cosigned=True, stamped=False)
                if last is not None and last.token is None:
                    return last
            age_ms = self._clock() - (state.stamped_at_ms or 0)
            if not is_urgent and age_ms < 2 * self.rules.stamp_every_ms:
                return None
        return row if row.token is None else None

    async def _signed(self) -> Signed | None:
        """The last checkpoint of log 0, of everything that is committed."""
        writer = self._directory_log.writer
        if self._directory_log.shared:
            await writer.follow()
        if writer.failed is None and writer.head.size:
            await writer.seal(writer.head.size)
        return writer.signed

    async def _cosigned(self, row: AnchorRow) -> AnchorRow:
        """Ask at once everybody who hasn't cosigned it yet; keep what came."""
        asked = [one for one in self._askers if one.witness.name not in self._met]
        answers = await asyncio.gather(*(one.ask(row.note, row.size, self._prove) for one in asked))
        note = row.note
        for asker, (outcome, line) in zip(asked, answers, strict=True):
            self.asked[outcome.value] += 1
            if outcome is Outcome.COSIGNED:
                note += line
                self._met.add(asker.witness.name)
        if note == row.note:
            return row
        self._row = kept = await self._keeper.keep(replace(row, note=note))
        return kept

    async def _stamped(self, stamper: Stamper, row: AnchorRow) -> None:
        stamped = await stamper.stamp(note_text(row.note).encode())
        if stamped is None:
            return
        stamp, token = stamped
        kept = await self._keeper.keep(replace(row, token=token, stamped_at_ms=stamp.at_ms))
        if self._row is not None and self._row.size == kept.size:
            self._row = kept
        if self.lateness.state is not None:
            self.lateness.state = replace(self.lateness.state, stamped_at_ms=stamp.at_ms)

    async def _prove(self, old: int, new: int) -> Sequence[bytes]:
        writer = self._directory_log.writer
        return await writer.nodes.consistency(old, writer.tree, new)

    def _tell(self) -> None:
        is_late = self.lateness.is_late
        if is_late and not self._was_late:
            log.error("anchoring.late", **self.lateness.ages_s())
        elif self._was_late and not is_late:
            log.info("anchoring.recovered")
        self._was_late = is_late

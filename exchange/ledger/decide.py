"""The group's decision, pure: winners, duplicates, losers; their leaves; the rows to write.

The same for every engine. Reads nothing but the facts it asked for, and writes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from exchange.ledger.entries import (
    Duplicate,
    Entry,
    LeafDraft,
    Lost,
    MessageEntry,
    Outcome,
    Placed,
    RecordEntry,
    RefusalEntry,
    Skipped,
)
from exchange.ledger.errors import (
    AlreadyAnswered,
    AnswerLate,
    AnswerNotExpected,
    ExchangeCancelled,
    LedgerError,
    MailboxFull,
    MessageIdReused,
    NothingToCancel,
    QuotaExceeded,
)
from exchange.ledger.tree import Growth, Tree, grow
from exchange.storage.boxes import Box
from exchange.storage.rows import (
    ConfirmDelivery,
    DeliveryState,
    EndExchange,
    ExchangeState,
    GroupFacts,
    GroupQuestions,
    GroupWrite,
    NewExchange,
    ShardHead,
)
from signing.log.leaf import DIRECTORY_KINDS
from signing.log.merkle import leaf_hash
from signing.log.tiles import encode_entries

_HELD = (DeliveryState.LEASED, DeliveryState.IN_FLIGHT)
"""States in which somebody has a delivery in hand, and may confirm that attempt of it."""
REFUSALS_KEPT_MS = 90 * 86_400_000  # log.md: a refused envelope is kept 90 days


def ask(entries: Sequence[Entry]) -> GroupQuestions:
    """The facts that a decision over these entries needs."""
    questions = GroupQuestions()
    for entry in entries:
        if isinstance(entry, MessageEntry):
            questions.messages.append(entry.row.id)
            if entry.ends is not None:
                questions.exchanges.append(entry.ends.id)
            if entry.during is not None:
                questions.exchanges.append(entry.during)
            if entry.opens is not None:
                for box, most in _boxes(entry.opens):
                    questions.boxes[box] = min(most, questions.boxes.get(box, most))
        elif isinstance(entry, RecordEntry):
            if entry.end is not None:
                questions.exchanges.append(entry.end.id)
            if entry.kill is not None:
                questions.exchanges.append(entry.kill.id)
                questions.deliveries.append(entry.kill.id)
            if entry.confirm is not None:
                questions.deliveries.append(entry.confirm.id)
            if entry.settle is not None:
                questions.exchanges.append(entry.settle.id)
                questions.deliveries.append(entry.settle.id)
    return questions


def _boxes(opens: NewExchange) -> Iterator[tuple[Box, int]]:
    """The mailboxes that must have room for a request, its recipient's and its consumer's."""
    if opens.box is not None and opens.boxed_max is not None:
        yield opens.box, opens.boxed_max
    if opens.consumer is not None:
        yield (opens.consumer, None), opens.uncollected_max


@dataclass(slots=True)
class Decision:
    """What a group came to: outcomes in the order of its entries, rows, the grown tree."""

    outcomes: list[Outcome] = field(default_factory=list)
    write: GroupWrite | None = None
    growth: Growth | None = None


@dataclass(slots=True)
class _Builder:
    """Gathers leaves and rows of one group."""

    head: ShardHead
    now_ms: int
    version: int
    facts: GroupFacts
    write: GroupWrite
    leaves: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    boxed: dict[Box, int] = field(default_factory=dict)

    def place(self, leaf: LeafDraft, salt: bytes) -> Placed:
        """Give a leaf the next index."""
        if leaf.k in DIRECTORY_KINDS:
            self.version += 1
        raw = leaf.encode(self.now_ms, self.version)
        hash_ = leaf_hash(raw)
        index = self.head.size + len(self.leaves)
        self.leaves.append(raw)
        self.hashes.append(hash_)
        return Placed(self.head.shard, index, raw, hash_, salt, self.now_ms)


def decide(
    entries: Sequence[Entry],
    facts: GroupFacts,
    head: ShardHead,
    tree: Tree,
    version: int,
    now_ms: int,
) -> Decision:
    """Decide a group on top of ``head`` under directory ``version``.

    No two entries have one id, and no two end one exchange: whoever forms groups sees to it.
    """
    at_ms = max(now_ms, head.last_ts_ms)
    builder = _Builder(head, at_ms, version, facts, GroupWrite(head), boxed=dict(facts.boxed))
    outcomes = [_one(builder, entry) for entry in entries]
    if not builder.leaves:
        return Decision(outcomes)
    growth = grow(tree, builder.hashes)
    write = builder.write
    write.count = len(builder.leaves)
    write.entries = encode_entries(builder.leaves)
    write.tiles = growth.tiles
    if builder.version != version:
        write.directory_version = builder.version
    write.head = replace(
        head,
        size=growth.tree.size,
        root=growth.tree.root,
        frontier=growth.tree.frontier,
        last_ts_ms=at_ms,
    )
    return Decision(outcomes, write, growth)


def _one(builder: _Builder, entry: Entry) -> Outcome:
    if isinstance(entry, MessageEntry):
        return _message(builder, entry)
    if isinstance(entry, RefusalEntry):
        return _refusal(builder, entry)
    return _record(builder, entry)


def _message(builder: _Builder, entry: MessageEntry) -> Outcome:
    row = entry.row
    known = builder.facts.messages.get(row.id)
    if known is not None and known.digest == row.digest:
        return Duplicate(known.shard, known.index)
    error = _objection(builder, entry, known is not None)
    if isinstance(error, NothingToCancel):
        return Lost(error, None)
    if error is not None:
        return Lost(error, _refusal(builder, _as_refusal(entry, error)))
    placed = builder.place(entry.leaf, entry.leaf_salt)
    builder.write.messages.append((row, placed.index, placed.leaf_hash, placed.at_ms))
    if entry.opens is not None:
        builder.write.exchanges.append((entry.opens, placed.at_ms))
    if entry.ends is not None:
        builder.write.ends.append(entry.ends)
    if entry.answers is not None:
        builder.write.answers.append((entry.answers, placed.at_ms))
        box = (entry.answers.recipient, None)
        builder.boxed[box] = builder.boxed.get(box, 0) + 1
    if entry.step is not None:
        builder.write.steps.append(replace(entry.step, at_ms=placed.at_ms))
    return placed


def _objection(builder: _Builder, entry: MessageEntry, known: bool) -> LedgerError | None:
    if known:
        return MessageIdReused("This id was accepted before for another message; use a fresh id.")
    if entry.ends is not None:
        state = builder.facts.exchanges.get(entry.ends.id)
        if entry.ends.state is ExchangeState.CANCELLED:
            return cancel_objection(state)
        return end_objection(state)
    if entry.during is not None:
        return end_objection(builder.facts.exchanges.get(entry.during))
    return None if entry.opens is None else _box_objection(builder, entry.opens)


def _box_objection(builder: _Builder, opens: NewExchange) -> LedgerError | None:
    if opens.consumer is not None:
        left = builder.boxed.get((opens.consumer, None), 0)
        if left >= opens.uncollected_max:
            return full_error(left, opens.uncollected_max)
    if opens.boxed_max is None:
        return None
    box = (opens.provider, opens.service)
    waiting = builder.boxed.get(box, 0)
    if waiting >= opens.boxed_max:
        return quota_error(waiting, opens.boxed_max)
    builder.boxed[box] = waiting + 1
    return None


def full_error(left: int, most: int) -> MailboxFull:
    """The refusal for a consumer that doesn't collect its answers; it says how many there are."""
    return MailboxFull(
        f"Your mailbox holds {left} uncollected answers of at most {most}; lease and confirm them.",
        depth=left,
    )


def quota_error(waiting: int, most: int) -> QuotaExceeded:
    """The refusal for a full mailbox; it says how full."""
    return QuotaExceeded(
        f"The recipient's mailbox holds {waiting} waiting messages of at most {most}; try later.",
        depth=waiting,
    )


def end_objection(state: ExchangeState | None) -> LedgerError | None:
    """Why an exchange in this state takes no answer; None when it does (delivery.md, *States*)."""
    if state is ExchangeState.OPEN:
        return None
    if state in (ExchangeState.ANSWERED, ExchangeState.REJECTED):
        return AlreadyAnswered("The exchange already has its answer.")
    if state is ExchangeState.EXPIRED:
        return AnswerLate("The exchange expired before this answer came.")
    if state is ExchangeState.CANCELLED:
        return ExchangeCancelled("The consumer cancelled the exchange.")
    return AnswerNotExpected("No open request matches this answer.")


def cancel_objection(state: ExchangeState | None) -> LedgerError | None:
    """Why an exchange in this state can't be cancelled; None when it can."""
    if state in (ExchangeState.EXPIRED, ExchangeState.CANCELLED):
        return NothingToCancel(state.value)
    return end_objection(state)


def _as_refusal(entry: MessageEntry, error: LedgerError) -> RefusalEntry:
    row = entry.row
    leaf = replace(entry.leaf, k="refusal", grant=None, ref=None)
    return RefusalEntry(
        leaf, entry.leaf_salt, row.id, error.code, row.envelope, row.leaf_salt, row.envelope_key
    )


def _refusal(builder: _Builder, entry: RefusalEntry) -> Placed:
    placed = builder.place(entry.leaf, entry.leaf_salt)
    until = builder.now_ms + REFUSALS_KEPT_MS
    builder.write.refusals.append(
        (
            placed.index,
            entry.id,
            entry.code,
            entry.envelope,
            entry.wrapped_salt,
            entry.key,
            until,
        )
    )
    return placed


def _record(builder: _Builder, entry: RecordEntry) -> Outcome:
    if not _applies(builder.facts, entry):
        return Skipped()
    placed = builder.place(entry.leaf, entry.leaf_salt)
    write = builder.write
    write.records.append((placed.index, entry.stored, entry.stored_salt, entry.key))
    if entry.object is not None:
        write.objects.append((entry.object, builder.version, placed.index))
    if entry.opens_log is not None:
        write.opened.append(entry.opens_log)
    if entry.end is not None:
        write.ends.append(entry.end)
    if entry.kill is not None:
        write.kills.append(entry.kill)
    if entry.confirm is not None:
        write.confirms.append(entry.confirm)
    if entry.settle is not None:
        write.settles.append(entry.settle)
    if entry.step is not None:
        write.steps.append(replace(entry.step, at_ms=placed.at_ms))
    return placed


def _applies(facts: GroupFacts, entry: RecordEntry) -> bool:
    end: EndExchange | None = entry.end
    confirm: ConfirmDelivery | None = entry.confirm
    if end is not None and facts.exchanges.get(end.id) is not ExchangeState.OPEN:
        return False
    if entry.kill is not None and not _may_die(facts, entry.kill.id):
        return False
    if entry.settle is not None and not _is_dead(facts, entry.settle.id):
        return False
    if confirm is None:
        return True
    state, attempt = facts.deliveries.get(confirm.id, (None, 0))
    return state in _HELD and attempt == confirm.attempt


def _may_die(facts: GroupFacts, id_: bytes) -> bool:
    """Whether a delivery may be given up: a request's while it is open, an answer's while held."""
    exchange = facts.exchanges.get(id_)
    if exchange is not None:
        return exchange is ExchangeState.OPEN
    return facts.deliveries.get(id_, (None, 0))[0] in _HELD


def _is_dead(facts: GroupFacts, id_: bytes) -> bool:
    """Whether a person may decide of this delivery: it is dead, and its exchange open.

    An answer opens no exchange: nothing else ends its delivery.
    """
    state, _ = facts.deliveries.get(id_, (None, 0))
    exchange = facts.exchanges.get(id_, ExchangeState.OPEN)
    return state is DeliveryState.DEAD and exchange is ExchangeState.OPEN

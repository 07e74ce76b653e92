"""Rows to write, and groups of them, as the ledger would hand them to a store."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from exchange.ledger.shards import empty_head
from exchange.storage.port import Store
from exchange.storage.rows import (
    CommitResult,
    DeliveryState,
    EndExchange,
    ExchangeState,
    GroupFacts,
    GroupPlan,
    GroupQuestions,
    GroupWrite,
    MessageRow,
    NewExchange,
    ShardHead,
)
from signing.identifiers import ServiceCode, SystemId
from signing.log.tiles import encode_entries

CONSUMER = SystemId("sx/GOV/1001/benefits")
OFFICE = SystemId("sx/GOV/4004/statistics")
COUNT = ServiceCode("population")
BIRTHS = ServiceCode("births")
NOW = 1_790_000_000_000
HEAD = empty_head(1, "sx.example/log/1")


def id_of(number: int) -> bytes:
    """16 bytes that sort as their numbers do."""
    return NOW.to_bytes(6, "big") + number.to_bytes(10, "big")


def message(number: int, sender: SystemId = CONSUMER) -> MessageRow:
    """A message row; what is sealed in it is nobody's business here."""
    digest = sha256(number.to_bytes(8, "big")).digest()
    return MessageRow(
        id_of(number), sender, digest, b"salt", b"envelope", b"ekey", b"content", b"ckey"
    )


def exchange(
    number: int,
    state: DeliveryState = DeliveryState.READY,
    due_at_ms: int = NOW,
    service: ServiceCode = COUNT,
    answer_by_ms: int = NOW + 86_400_000,
) -> NewExchange:
    """An exchange to open, with its delivery."""
    return NewExchange(id_of(number), OFFICE, service, answer_by_ms, state, due_at_ms)


def end(number: int, answer: int, state: ExchangeState = ExchangeState.ANSWERED) -> EndExchange:
    """An exchange to end."""
    return EndExchange(id_of(number), state, DeliveryState.DONE, id_of(answer))


def next_head(head: ShardHead, count: int) -> ShardHead:
    """A head after ``count`` more leaves; its root only has to differ."""
    size = head.size + count
    return replace(head, size=size, root=sha256(size.to_bytes(8, "big")).digest())


Fill = Callable[[GroupWrite, GroupFacts], None]


def plan(
    head: ShardHead,
    fill: Fill,
    *,
    count: int = 1,
    version: int = 0,
    questions: GroupQuestions | None = None,
) -> GroupPlan:
    """A group of ``count`` leaves on top of ``head``; ``fill`` adds its rows."""

    def decide(facts: GroupFacts) -> GroupWrite:
        leaves = [b"leaf %d" % (head.size + n) for n in range(count)]
        write = GroupWrite(next_head(head, count), count, encode_entries(leaves))
        fill(write, facts)
        return write

    asked = questions or GroupQuestions()
    return GroupPlan(head.shard, head.epoch, head.size, head.root, version, asked, decide)


async def accept(store: Store, head: ShardHead, *opens: NewExchange) -> ShardHead:
    """Commit a group with one request for each exchange; the head after it."""

    def fill(write: GroupWrite, _: GroupFacts) -> None:
        for offset, new in enumerate(opens):
            number = int.from_bytes(new.id[6:], "big")
            write.messages.append((message(number), head.size + offset, bytes(32), NOW + number))
            write.exchanges.append((new, NOW + number))

    result, write = await store.commit(plan(head, fill, count=len(opens)))
    assert result is CommitResult.COMMITTED
    assert write is not None
    return write.head

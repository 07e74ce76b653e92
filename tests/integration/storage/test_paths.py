"""Which groups are one statement, and which need the transaction."""

from dataclasses import replace

import asyncpg
import pytest

from exchange.storage.postgres.store import PostgresStore
from exchange.storage.rows import ExchangeState, GroupFacts, GroupQuestions, GroupWrite
from tests.conformance.storage.rows import (
    COUNT,
    HEAD,
    NOW,
    OFFICE,
    accept,
    end,
    exchange,
    id_of,
    message,
    plan,
)


async def test_requests_and_answers_as_expected_are_one_statement_each(
    ours: PostgresStore,
) -> None:
    head = await accept(ours, HEAD, exchange(1), exchange(2))
    asked = GroupQuestions([id_of(3)], [id_of(1)])

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        assert facts.exchanges == {id_of(1): ExchangeState.OPEN}
        write.messages.append((message(3, OFFICE), head.size, bytes(32), NOW))
        write.ends.append(end(1, 3))

    _, write = await ours.commit(plan(head, answer, questions=asked))
    assert write is not None
    assert (ours.groups.fast, ours.groups.slow) == (2, 0)


async def test_an_id_that_is_known_is_found_by_the_transaction(ours: PostgresStore) -> None:
    head = await accept(ours, HEAD, exchange(1))
    seen: list[set[bytes]] = []

    def again(write: GroupWrite, facts: GroupFacts) -> None:
        seen.append(set(facts.messages))
        fresh = [n for n in (1, 2) if id_of(n) not in facts.messages]
        write.messages += [(message(n), head.size, bytes(32), NOW) for n in fresh]

    _, write = await ours.commit(plan(head, again, questions=GroupQuestions([id_of(1), id_of(2)])))
    assert write is not None
    assert [row.id for row, *_ in write.messages] == [id_of(2)]
    assert seen == [set(), {id_of(1)}]
    assert (ours.groups.fast, ours.groups.slow) == (1, 1)


async def test_what_is_assumed_and_not_written_is_read(ours: PostgresStore) -> None:
    head = await accept(ours, HEAD, exchange(1))
    seen: list[ExchangeState | None] = []

    def look(write: GroupWrite, facts: GroupFacts) -> None:
        seen.append(facts.exchanges.get(id_of(9)))

    await ours.commit(plan(head, look, questions=GroupQuestions(exchanges=[id_of(9)])))
    assert seen[-1] is None


async def test_a_mailboxs_figure_is_read_once_and_grows_with_what_is_put_in(
    ours: PostgresStore,
) -> None:
    asked = GroupQuestions(boxes={(OFFICE, COUNT): 1_000})
    figures: list[int] = []
    head = await accept(ours, HEAD, exchange(90))
    for number in range(3):

        def put(write: GroupWrite, facts: GroupFacts, number: int = number) -> None:
            figures.append(facts.boxed[OFFICE, COUNT])
            boxed = replace(exchange(number), boxed_max=1_000)
            write.exchanges.append((boxed, NOW))

        _, wrote = await ours.commit(plan(head, put, questions=asked))
        assert wrote is not None
        head = wrote.head
    assert figures == [1, 2, 3]
    assert (ours.groups.fast, ours.groups.slow) == (3, 1)


async def test_every_commit_is_told_to_be_sure(ours: PostgresStore, dsn: str) -> None:
    told = await ours.durability()
    assert told["synchronous_commit"] == "on"
    connection = await asyncpg.connect(dsn)
    try:
        assert told["fsync"] == await connection.fetchval("SHOW fsync")
    finally:
        await connection.close()


@pytest.mark.parametrize("table", ["message", "exchange", "delivery", "step"])
async def test_a_days_rows_are_in_a_days_partition_and_none_is_default(
    ours: PostgresStore, dsn: str, table: str
) -> None:
    await accept(ours, HEAD, exchange(1))
    connection = await asyncpg.connect(dsn)
    try:
        bounds = await connection.fetch(
            "SELECT pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass",
            table,
        )
    finally:
        await connection.close()
    assert len(bounds) == 11
    assert not [row for row in bounds if row["bound"] == "DEFAULT"]

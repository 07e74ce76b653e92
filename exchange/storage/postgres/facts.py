"""What a group's decision rests on: read under locks, or assumed and proven by the statement."""

from typing import Final

from exchange.storage.boxes import Box, BoxFigures
from exchange.storage.postgres.connection import Connection
from exchange.storage.postgres.numbers import SystemNumbers
from exchange.storage.rows import (
    DeliveryState,
    ExchangeState,
    GroupFacts,
    GroupQuestions,
    GroupWrite,
    Stored,
)

_MESSAGES = "SELECT id, digest, shard, idx FROM message WHERE id = ANY($1::bytea[])"
_EXCHANGES = (
    "SELECT id, state FROM exchange WHERE id = ANY($1::bytea[]) AND id >= $2 AND id <= $3"
    " ORDER BY id FOR UPDATE"
)
_DELIVERIES = (
    "SELECT id, state, attempt FROM delivery WHERE id = ANY($1::bytea[])"
    " AND id >= $2 AND id <= $3 ORDER BY id FOR UPDATE"
)
BOXED: Final = (
    "SELECT count(*) FROM delivery WHERE recipient = $1 AND state IN ('ready', 'leased')"
    " AND CASE WHEN $2::text IS NULL THEN kind <> 'request'"
    " ELSE service = $2 AND kind = 'request' END"
)


def assumed(questions: GroupQuestions, boxes: BoxFigures) -> GroupFacts | None:
    """Facts that the one statement can prove: ids new, exchanges open. None: they must be read."""
    if questions.deliveries:
        return None
    boxed: dict[Box, int] = {}
    for box in questions.boxes:
        count = boxes.fresh(box)
        if count is None:
            return None
        boxed[box] = count
    return GroupFacts({}, dict.fromkeys(questions.exchanges, ExchangeState.OPEN), {}, boxed)


def proves(write: GroupWrite, questions: GroupQuestions) -> bool:
    """Whether writing these rows shows every assumption to have been right."""
    return {row.id for row, *_ in write.messages}.issuperset(questions.messages) and {
        end.id for end in write.ends
    }.issuperset(questions.exchanges)


async def read_facts(
    connection: Connection, questions: GroupQuestions, numbers: SystemNumbers, boxes: BoxFigures
) -> GroupFacts:
    """Answer a decision's questions; exchanges and deliveries stay locked until the commit."""
    messages, exchanges, deliveries = [], [], []
    if questions.messages:
        messages = await connection.fetch(_MESSAGES, questions.messages)
    if ids := sorted(questions.exchanges):
        exchanges = await connection.fetch(_EXCHANGES, ids, ids[0], ids[-1])
    if ids := sorted(questions.deliveries):
        deliveries = await connection.fetch(_DELIVERIES, ids, ids[0], ids[-1])
    boxed: dict[Box, int] = {}
    for box in questions.boxes:
        number = await numbers.find(connection, box[0])
        boxed[box] = int(await connection.fetchval(BOXED, number, box[1]))
        boxes.keep(box, boxed[box])
    return GroupFacts(
        {id_: Stored(digest, shard, index) for id_, digest, shard, index in messages},
        {id_: ExchangeState(state) for id_, state in exchanges},
        {id_: (DeliveryState(state), attempt) for id_, state, attempt in deliveries},
        boxed,
    )

"""The group commit's one statement: swap the head, end exchanges, write the group's rows.

Invariant: every part selects from the swapped row, so a swap that finds another head or another
directory version writes nothing. Ends come first and are counted: one that isn't open divides by
zero, which aborts the whole, as does an id that is there already. Keys arrive sorted, so that two
shards take theirs in one order.
"""

from collections.abc import Sequence
from typing import Final

from exchange.storage.postgres.numbers import SystemNumbers
from exchange.storage.rows import GroupPlan, GroupWrite

NOW_MS: Final = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
IS_HELD: Final = f"(owner IS NOT NULL AND coalesce(lease_until > {NOW_MS}, false))"
"""Of a log's row: whether its lease runs."""
_ENDABLE = "('ready', 'queued', 'leased', 'in-flight', 'dead')"

COMMIT: Final = f"""
WITH directory_now AS (
  SELECT version FROM directory WHERE version = $5 FOR SHARE
), swap AS (
  UPDATE log_shard l SET size = $6, root = $7, frontier = $8, last_ts = $9,
    relayed_to = greatest(l.relayed_to, $10),
    note = CASE WHEN l.note_size > $12 THEN l.note ELSE $11 END,
    note_size = greatest(l.note_size, $12),
    lease_until = CASE WHEN l.owner IS NOT NULL THEN {NOW_MS} + $13::bigint END
  FROM directory_now
  WHERE l.shard = $1 AND l.epoch = $2 AND l.size = $3 AND l.root = $4 AND l.state = 'open'
  RETURNING l.shard
), ended AS (
  UPDATE exchange e SET state = n.state, version = e.version + 1, answer = n.answer
  FROM swap, unnest($37::bytea[], $38::text[], $39::bytea[]) AS n(id, state, answer)
  WHERE e.id = n.id AND e.state = 'open' AND e.id >= $41 AND e.id <= $42
  RETURNING e.id
), closed AS (
  UPDATE delivery d SET state = n.state, owner = NULL, lease_until = NULL
  FROM swap, unnest($37::bytea[], $40::text[]) AS n(id, state)
  WHERE d.id = n.id AND d.state IN {_ENDABLE} AND d.id >= $41 AND d.id <= $42
), checked AS (
  SELECT swap.shard,
    1 / (CASE WHEN (SELECT count(*) FROM ended) = cardinality($37::bytea[]) THEN 1 ELSE 0 END) AS ok
  FROM swap
), grouped AS (
  INSERT INTO log_group(shard, first_index, count, entries)
  SELECT shard, $3::bigint, $14::int, $15::bytea FROM checked WHERE ok = 1
), tiled AS (
  INSERT INTO log_tile(shard, level, number, hashes)
  SELECT shard, n.level, n.number, n.hashes
  FROM checked, unnest($16::int[], $17::bigint[], $18::bytea[]) AS n(level, number, hashes)
), messages AS (
  INSERT INTO message(id, sender, digest, shard, idx, leaf_hash, leaf_salt, envelope, envelope_key,
    content, content_key, accepted_at)
  SELECT n.id, n.sender, n.digest, checked.shard, n.idx, n.leaf_hash, n.leaf_salt, n.envelope,
    n.envelope_key, n.content, n.content_key, n.accepted_at
  FROM checked, unnest($19::bytea[], $20::int[], $21::bytea[], $22::bigint[], $23::bytea[],
    $24::bytea[], $25::bytea[], $26::bytea[], $27::bytea[], $28::bytea[], $29::bigint[])
    AS n(id, sender, digest, idx, leaf_hash, leaf_salt, envelope, envelope_key, content,
      content_key, accepted_at)
), exchanges AS (
  INSERT INTO exchange(id, state, version, provider, service, answer_by)
  SELECT n.id, 'open', 1, n.provider, n.service, n.answer_by
  FROM checked, unnest($30::bytea[], $31::int[], $32::text[], $33::bigint[])
    AS n(id, provider, service, answer_by)
), deliveries AS (
  INSERT INTO delivery(id, recipient, state, service, due_at, attempt, misbehaved, accepted_at)
  SELECT n.id, n.provider, n.state, n.service, n.due_at, 0, 0, n.accepted_at
  FROM checked, unnest($30::bytea[], $31::int[], $32::text[], $34::text[], $35::bigint[],
    $36::bigint[]) AS n(id, provider, service, state, due_at, accepted_at)
), boxed AS (
  INSERT INTO delivery(id, recipient, state, service, due_at, attempt, misbehaved, accepted_at,
    kind)
  SELECT n.id, n.recipient, 'ready', n.service, n.due_at, 0, 0, n.accepted_at, n.kind
  FROM checked, unnest($43::bytea[], $44::int[], $45::text[], $46::bigint[], $47::bigint[],
    $48::text[]) AS n(id, recipient, service, due_at, accepted_at, kind)
)
SELECT shard FROM checked
"""


def arguments(
    plan: GroupPlan, write: GroupWrite, numbers: SystemNumbers, lease_ms: int
) -> tuple[object, ...]:
    """The arguments of `COMMIT`. Raises UnknownSystems."""
    messages = sorted(write.messages, key=lambda one: one[0].id)
    exchanges = sorted(write.exchanges, key=lambda one: one[0].id)
    ends = sorted(write.ends, key=lambda one: one.id)
    answers = sorted(write.answers, key=lambda one: one[0].id)
    numbers.check([row.sender for row, *_ in messages] + [new.provider for new, _ in exchanges])
    numbers.check([new.recipient for new, _ in answers])
    head = write.head
    return (
        *(plan.shard, plan.epoch, plan.size, plan.root, plan.directory_version),
        *(head.size, head.root, b"".join(head.frontier), head.last_ts_ms, head.relayed_to),
        *(head.note, head.note_size, lease_ms, write.count, write.entries),
        *_columns(write.tiles, 3),
        *_columns(
            [
                (
                    *(row.id, numbers[row.sender], row.digest, index, leaf_hash, row.leaf_salt),
                    *(row.envelope, row.envelope_key, row.content, row.content_key, accepted_at),
                )
                for row, index, leaf_hash, accepted_at in messages
            ],
            11,
        ),
        *_columns(
            [
                (
                    *(new.id, numbers[new.provider], new.service, new.answer_by_ms),
                    *(new.delivery_state.value, new.due_at_ms, accepted_at),
                )
                for new, accepted_at in exchanges
            ],
            7,
        ),
        *_columns(
            [(one.id, one.state.value, one.answer, one.delivery_state.value) for one in ends], 4
        ),
        ends[0].id if ends else b"",
        ends[-1].id if ends else b"",
        *_columns(
            [
                (
                    *(new.id, numbers[new.recipient], new.service, new.due_at_ms),
                    *(accepted_at, new.kind),
                )
                for new, accepted_at in answers
            ],
            6,
        ),
    )


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows as one array a column."""
    if not rows:
        return [[] for _ in range(count)]
    return [list(column) for column in zip(*rows, strict=True)]

"""What any engine promises of deliveries: claimed by one, parked, leased in order, ended."""

import asyncio

from exchange.storage.boxes import NewDelivery
from exchange.storage.port import Store
from exchange.storage.rows import (
    ConfirmDelivery,
    DeliveryState,
    GroupFacts,
    GroupQuestions,
    GroupWrite,
    HeldLease,
    KillDelivery,
    Park,
    SettleDead,
    ShardHead,
    StepRow,
)
from tests.conformance.storage.rows import (
    BIRTHS,
    CONSUMER,
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

QUEUED = DeliveryState.QUEUED
LEASE = 60_000


def lease_of(number: int, attempt: int, owner: str = "me") -> Park:
    until = NOW + LEASE
    return Park(id_of(number), OFFICE, until, attempt, 0, owner, until)


async def queued(store: Store, *numbers: int, due_at_ms: int = NOW) -> ShardHead:
    return await accept(store, HEAD, *(exchange(n, QUEUED, due_at_ms) for n in numbers))


async def state_of(store: Store, number: int) -> tuple[str, int]:
    (row,) = await store.reads.deliveries(id_of(number))
    return row.state.value, row.attempt


# ---------------------------------------------------------------- claims


async def test_what_is_due_is_claimed_once_the_earliest_first(store: Store) -> None:
    opens = [exchange(n, QUEUED, NOW + n * 10) for n in (3, 1, 2)]
    await accept(store, HEAD, *opens)
    assert await store.claim_due("me", NOW + 5, NOW + LEASE, 10) == []
    first = await store.claim_due("me", NOW + 100, NOW + LEASE, 2)
    assert [row.id for row in first] == [id_of(1), id_of(2)]
    second = await store.claim_due("you", NOW + 100, NOW + LEASE, 10)
    assert [row.id for row in second] == [id_of(3)]
    assert await store.claim_due("you", NOW + 100, NOW + LEASE, 10) == []


async def test_many_who_claim_at_once_share_without_overlap(store: Store) -> None:
    await queued(store, *range(1, 31))
    claims = await asyncio.gather(
        *(store.claim_due(f"p{n}", NOW, NOW + LEASE, 5) for n in range(10))
    )
    ids = [row.id for rows in claims for row in rows]
    assert (len(ids), len(set(ids))) == (30, 30)


async def test_a_claim_tells_how_the_delivery_was_found(store: Store) -> None:
    await queued(store, 1)
    (fresh,) = await store.claim_due("me", NOW, NOW + 10, 10)
    assert (fresh.state, fresh.attempt) == (QUEUED, 0)
    assert await store.claim(lease_of(1, 1))
    (cut_off,) = await store.claim_due("you", NOW + LEASE, NOW + 2 * LEASE, 10)
    assert (cut_off.state, cut_off.attempt) == (DeliveryState.IN_FLIGHT, 1)


async def test_an_attempt_is_begun_by_one(store: Store) -> None:
    await queued(store, 1)
    assert [await store.claim(lease_of(1, 1)) for _ in range(3)] == [True, False, False]
    assert not await store.claim(lease_of(1, 2, "you"))
    assert await state_of(store, 1) == ("in-flight", 1)


async def test_a_claim_that_ran_out_is_anybodys(store: Store) -> None:
    await queued(store, 1)
    await store.claim_due("me", NOW, NOW + LEASE, 10)
    assert await store.claim_due("you", NOW + LEASE - 1, NOW + 2 * LEASE, 10) == []
    assert len(await store.claim_due("you", NOW + LEASE, NOW + 2 * LEASE, 10)) == 1


async def test_reclaiming_makes_everything_due_that_was_in_hand(store: Store) -> None:
    await queued(store, 1, 2, due_at_ms=NOW + 30_000)
    await store.claim(lease_of(1, 1))
    assert await store.reclaim(NOW) == 2
    assert len(await store.claim_due("you", NOW, NOW + LEASE, 10)) == 2


async def test_reclaiming_one_owners_leaves_the_others_alone(store: Store) -> None:
    await queued(store, 1, 2, 3, due_at_ms=NOW + 30_000)
    await store.claim(lease_of(1, 1, "gone"))
    await store.claim(lease_of(2, 1, "here"))
    assert await store.reclaim(NOW, "gone") == 1
    (again,) = await store.claim_due("here", NOW, NOW + LEASE, 10)
    assert (again.id, again.owner, again.attempt) == (id_of(1), "gone", 1)


async def test_a_parked_delivery_waits_for_its_time(store: Store) -> None:
    await queued(store, 1)
    (row,) = await store.claim_due("me", NOW, NOW + LEASE, 10)
    step = StepRow(row.id, NOW, "provider-timeout", 1, NOW + 500)
    await store.park([Park(row.id, OFFICE, NOW + 500, 1, 2, step=step)])
    assert await store.claim_due("me", NOW + 499, NOW + LEASE, 10) == []
    (again,) = await store.claim_due("me", NOW + 500, NOW + LEASE, 10)
    assert (again.attempt, again.misbehaved, again.state) == (1, 2, QUEUED)
    assert await store.reads.steps(row.id) == [step]


async def test_what_has_ended_is_not_parked_and_not_claimed(store: Store) -> None:
    head = await queued(store, 1)

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        write.ends.append(end(1, 2))

    await store.commit(plan(head, answer))
    await store.park([Park(id_of(1), OFFICE, NOW, 1, 0)])
    assert not await store.claim(lease_of(1, 1))
    assert await store.claim_due("me", NOW + LEASE, NOW + 2 * LEASE, 10) == []
    assert await state_of(store, 1) == ("done", 0)


async def test_timelines_keep_their_order(store: Store) -> None:
    steps = [StepRow(id_of(1), NOW - n, f"step-{n}") for n in range(5)]
    await store.add_steps(steps[:2])
    await store.add_steps(steps[2:])
    assert await store.reads.steps(id_of(1)) == steps


# ---------------------------------------------------------------- mailboxes


async def test_a_mailbox_is_leased_oldest_first_and_counts_attempts(store: Store) -> None:
    await accept(store, HEAD, *(exchange(n) for n in (1, 2, 3)))
    first = await store.lease_mailbox(OFFICE, [], NOW, NOW + LEASE, 2)
    assert [(row.id, row.attempt) for row in first] == [(id_of(1), 1), (id_of(2), 1)]
    assert [row.lease_until_ms for row in first] == [NOW + LEASE] * 2
    later = await store.lease_mailbox(OFFICE, [], NOW + LEASE, NOW + 2 * LEASE, 10)
    assert [(row.id, row.attempt) for row in later] == [(id_of(1), 2), (id_of(2), 2), (id_of(3), 1)]


async def test_a_mailbox_is_its_systems_and_its_services(store: Store) -> None:
    await accept(store, HEAD, exchange(1), exchange(2, service=BIRTHS))
    assert await store.lease_mailbox(CONSUMER, [], NOW, NOW + LEASE, 10) == []
    (row,) = await store.lease_mailbox(OFFICE, [BIRTHS], NOW, NOW + LEASE, 10)
    assert row.id == id_of(2)


async def test_what_goes_to_an_adapter_is_in_no_mailbox(store: Store) -> None:
    await accept(store, HEAD, exchange(1, QUEUED), exchange(2))
    assert [row.id for row in await store.lease_mailbox(OFFICE, [], NOW, NOW + LEASE, 10)] == [
        id_of(2)
    ]
    assert [row.id for row in await store.claim_due("me", NOW, NOW + LEASE, 10)] == [id_of(1)]


async def test_depths_count_what_waits_what_is_leased_and_what_is_dead(store: Store) -> None:
    head = await accept(store, HEAD, *(exchange(n) for n in (1, 2, 3, 4)))
    await store.lease_mailbox(OFFICE, [], NOW, NOW + LEASE, 1)

    def kill(write: GroupWrite, facts: GroupFacts) -> None:
        write.kills.append(KillDelivery(id_of(4), OFFICE, "leases-exhausted"))

    await store.commit(plan(head, kill))
    (depth,) = await store.reads.mailbox_depths(OFFICE)
    assert (depth.service, depth.waiting, depth.leased, depth.dead) == (COUNT, 2, 1, 1)
    assert depth.oldest_at_ms == NOW + 1
    assert await store.reads.boxed(OFFICE, COUNT) == 3
    assert await store.reads.boxed(CONSUMER, COUNT) == 0
    (dead,) = await store.reads.dead(10)
    assert (dead.id, dead.cause) == (id_of(4), "leases-exhausted")


async def test_a_confirmation_ends_a_delivery_and_leaves_its_exchange_open(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1))
    await store.lease_mailbox(OFFICE, [], NOW, NOW + LEASE, 1)

    def confirm(write: GroupWrite, facts: GroupFacts) -> None:
        write.confirms.append(ConfirmDelivery(id_of(1), OFFICE, 1))

    await store.commit(plan(head, confirm))
    assert await state_of(store, 1) == ("done", 1)
    opened = await store.reads.exchange(id_of(1))
    assert opened is not None
    assert opened.state == "open"
    assert await store.lease_mailbox(OFFICE, [], NOW + LEASE, NOW + 2 * LEASE, 10) == []


async def test_open_exchanges_are_found_when_their_time_is_over(store: Store) -> None:
    opens = [exchange(n, answer_by_ms=NOW + 1_000 * (4 - n)) for n in (1, 2, 3)]
    head = await accept(store, HEAD, *opens)
    assert await store.due_to_expire(NOW + 1_000, 10) == []
    assert await store.due_to_expire(NOW + 2_500, 10) == [id_of(3), id_of(2)]
    assert await store.due_to_expire(NOW + 9_000, 1) == [id_of(3)]

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        write.ends.append(end(3, 9))

    await store.commit(plan(head, answer))
    assert await store.due_to_expire(NOW + 9_000, 10) == [id_of(2), id_of(1)]


# ---------------------------------------------------------------- waiting, relaying


async def test_which_exchanges_have_ended_is_asked_at_once(store: Store) -> None:
    head = await accept(store, HEAD, *(exchange(n) for n in range(1, 101)))

    def ends(write: GroupWrite, facts: GroupFacts) -> None:
        write.ends += [end(n, 500 + n) for n in (3, 99)]

    await store.commit(plan(head, ends))
    assert await store.reads.ended([]) == []
    assert await store.reads.ended([id_of(1), id_of(900)]) == []
    asked = [id_of(n) for n in range(200)]
    assert sorted(await store.reads.ended(asked)) == [id_of(3), id_of(99)]


async def test_what_is_still_to_be_relayed_is_found_in_the_logs_order(store: Store) -> None:
    due = NOW + 30_000
    opens = [exchange(n, QUEUED, due) for n in (5, 2, 9, 4)]
    await accept(store, HEAD, *opens, exchange(1, QUEUED, NOW), exchange(3))
    reads = store.reads
    assert await reads.unrelayed(1, 0, NOW, 10) == [id_of(n) for n in (5, 2, 9, 4)]
    assert await reads.unrelayed(1, 1, NOW, 2) == [id_of(2), id_of(9)]
    assert await reads.unrelayed(2, 0, NOW, 10) == []
    assert await reads.unrelayed(1, 0, due, 10) == []


async def test_what_somebody_has_begun_is_not_relayed(store: Store) -> None:
    due = NOW + 30_000
    head = await accept(store, HEAD, *(exchange(n, QUEUED, due) for n in (1, 2, 3, 4)))
    await store.claim(lease_of(1, 1))
    await store.park([Park(id_of(2), OFFICE, due, 1, 0)])

    def answer(write: GroupWrite, facts: GroupFacts) -> None:
        write.ends.append(end(3, 5))

    await store.commit(plan(head, answer))
    assert await store.reads.unrelayed(1, 0, NOW, 10) == [id_of(4)]


async def test_what_the_bus_was_to_deliver_can_be_made_due_now(store: Store) -> None:
    due = NOW + 30_000
    opens = [exchange(n, QUEUED, due) for n in (5, 2, 9, 4)]
    await accept(store, HEAD, *opens)
    await store.claim(lease_of(9, 1))
    assert await store.hasten(2, 0, NOW) == 0
    assert await store.hasten(1, 1, NOW) == 2
    assert await store.hasten(1, 1, NOW) == 0, "once is enough"
    assert await store.reads.unrelayed(1, 0, NOW, 10) == [id_of(5)]
    taken = await store.claim_due("sweeper", NOW, NOW + 90_000, 10)
    assert {row.id for row in taken} == {id_of(2), id_of(4)}


# ---------------------------------------------------------------- leases made longer, given up


async def leased(store: Store, *numbers: int) -> None:
    await accept(store, HEAD, *(exchange(n) for n in numbers))
    await store.lease_mailbox(OFFICE, [], NOW, NOW + LEASE, 10)


async def test_a_lease_is_extended_and_never_shortened(store: Store) -> None:
    await leased(store, 1, 2)
    held = [HeldLease(id_of(1), 1), HeldLease(id_of(2), 2), HeldLease(id_of(9), 1)]
    until = NOW + 2 * LEASE
    assert await store.extend_leases(OFFICE, held, until) == {id_of(1): until}
    assert await store.extend_leases(OFFICE, held[:1], NOW) == {id_of(1): until}
    assert await store.extend_leases(CONSUMER, held, until) == {}
    assert await store.extend_leases(OFFICE, [], until) == {}
    rows = await store.lease_mailbox(OFFICE, [], NOW + LEASE, until, 10)
    assert [row.id for row in rows] == [id_of(2)]


async def test_a_lease_that_ran_out_is_extended_until_another_begins(store: Store) -> None:
    await leased(store, 1)
    first, until = [HeldLease(id_of(1), 1)], NOW + 3 * LEASE
    assert await store.extend_leases(OFFICE, first, until) == {id_of(1): until}
    await store.lease_mailbox(OFFICE, [], until, until + LEASE, 1)
    assert await store.extend_leases(OFFICE, first, until + 2 * LEASE) == {}


async def test_what_is_released_is_free_at_once_and_says_why(store: Store) -> None:
    await leased(store, 1, 2)
    held = [HeldLease(id_of(1), 1), HeldLease(id_of(2), 7)]
    assert await store.release_leases(OFFICE, held, NOW + 5, "busy") == [id_of(1)]
    assert await store.release_leases(OFFICE, held, NOW + 6, "busy") == []
    line = StepRow(id_of(1), NOW + 5, "released", 1, detail="busy")
    assert await store.reads.steps(id_of(1)) == [line]
    assert await store.reads.steps(id_of(2)) == []
    (again,) = await store.lease_mailbox(OFFICE, [], NOW + 6, NOW + LEASE, 10)
    assert (again.id, again.attempt) == (id_of(1), 2)


async def test_a_line_names_a_message_too(store: Store) -> None:
    await queued(store, 1)
    line = StepRow(id_of(1), NOW, "interim", detail="in-progress", message=id_of(7))
    await store.add_steps([line])
    assert await store.reads.steps(id_of(1)) == [line]


# ---------------------------------------------------------------- dead letters, decided of


async def test_a_dead_letter_is_settled_with_its_line_and_nothing_else_is(store: Store) -> None:
    head = await accept(store, HEAD, exchange(1), exchange(2), exchange(3))

    def kill(write: GroupWrite, _: GroupFacts) -> None:
        write.kills += [KillDelivery(id_of(n), OFFICE, "leases-exhausted") for n in (1, 2)]

    _, killed = await store.commit(plan(head, kill))
    assert killed is not None
    line = StepRow(id_of(1), NOW, "redriven", 17, detail="leases-exhausted")

    def settle(write: GroupWrite, _: GroupFacts) -> None:
        write.settles += [
            SettleDead(id_of(2), OFFICE, DeliveryState.WITHDRAWN, NOW),
            SettleDead(id_of(1), OFFICE, DeliveryState.READY, NOW + 5),
            SettleDead(id_of(3), OFFICE, DeliveryState.WITHDRAWN, NOW),
        ]
        write.steps.append(line)

    await store.commit(plan(killed.head, settle))
    assert [(await state_of(store, n))[0] for n in (1, 2, 3)] == ["ready", "withdrawn", "ready"]
    assert await store.reads.steps(id_of(1)) == [line]
    assert await store.reads.dead(10) == []
    (row,) = await store.reads.deliveries(id_of(1))
    assert (row.due_at_ms, row.misbehaved, row.cause) == (NOW + 5, 0, None)


# ---------------------------------------------------------------- answers in mailboxes


def boxed(number: int, kind: str = "response") -> NewDelivery:
    return NewDelivery(id_of(number), CONSUMER, COUNT, NOW, kind)


async def answered(store: Store) -> ShardHead:
    """Requests 1 and 2 of the consumer; 11 and 12 answer them, into its mailbox."""
    head = await accept(store, HEAD, exchange(1), exchange(2))

    def answer(write: GroupWrite, _: GroupFacts) -> None:
        for offset, (number, kind) in enumerate([(11, "response"), (12, "rejection")]):
            row = message(number, OFFICE)
            write.messages.append((row, head.size + offset, bytes(32), NOW + number))
            write.answers.append((boxed(number, kind), NOW + number))
            write.ends.append(end(number - 10, number))

    _, write = await store.commit(plan(head, answer, count=2))
    assert write is not None
    return write.head


async def test_answers_wait_for_their_consumer_apart_from_requests(store: Store) -> None:
    head = await answered(store)
    assert [await store.reads.boxed(CONSUMER, of) for of in (None, COUNT)] == [2, 0]
    assert [await store.reads.boxed(OFFICE, of) for of in (None, COUNT)] == [0, 0]
    boxes = dict.fromkeys([(CONSUMER, None), (CONSUMER, COUNT), (OFFICE, None)], 9)
    told: list[GroupFacts] = []

    def ask(write: GroupWrite, facts: GroupFacts) -> None:
        told.append(facts)

    await store.commit(plan(head, ask, questions=GroupQuestions(boxes=boxes)))
    assert told[-1].boxed == {(CONSUMER, None): 2, (CONSUMER, COUNT): 0, (OFFICE, None): 0}
    depths = await store.reads.mailbox_depths(CONSUMER)
    assert [(one.kind, one.waiting) for one in depths] == [("rejection", 1), ("response", 1)]


async def test_a_lease_can_be_of_some_kinds(store: Store) -> None:
    await answered(store)

    async def lease(*kinds: str) -> list[bytes]:
        rows = await store.lease_mailbox(CONSUMER, [], NOW, NOW + LEASE, 10, kinds)
        return [row.id for row in rows]

    assert await lease("request") == []
    assert await lease("rejection", "request") == [id_of(12)]
    assert await lease() == [id_of(11)]
    (row,) = await store.reads.deliveries(id_of(12))
    assert (row.kind, row.recipient, row.state) == ("rejection", CONSUMER, DeliveryState.LEASED)


async def test_a_confirmed_answer_waits_no_more_and_its_exchange_stays_ended(store: Store) -> None:
    head = await answered(store)
    await store.lease_mailbox(CONSUMER, [], NOW, NOW + LEASE, 1)

    def confirm(write: GroupWrite, facts: GroupFacts) -> None:
        assert facts.deliveries[id_of(11)] == (DeliveryState.LEASED, 1)
        write.confirms.append(ConfirmDelivery(id_of(11), CONSUMER, 1))

    asked = GroupQuestions(deliveries=[id_of(11)])
    await store.commit(plan(head, confirm, questions=asked))
    assert await store.reads.boxed(CONSUMER, None) == 1
    assert await state_of(store, 11) == ("done", 1)
    kept = await store.reads.exchange(id_of(1))
    assert kept is not None
    assert (kept.state.value, kept.answer) == ("answered", id_of(11))

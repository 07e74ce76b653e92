"""Which confirmations count: those of the attempt that somebody has in hand."""

import pytest

from exchange.ledger.decide import decide
from exchange.ledger.entries import LeafDraft, Placed, RecordEntry, Skipped
from exchange.ledger.shards import empty_head
from exchange.ledger.tree import Tree
from exchange.storage.rows import ConfirmDelivery, DeliveryState, GroupFacts
from signing.identifiers import SystemId

ID = bytes(16)
OFFICE = SystemId("sx/GOV/4004/statistics")


def confirmed(state: DeliveryState, attempt: int) -> bool:
    """Whether a confirmation of attempt 2 counts for a delivery that stands so."""
    leaf = LeafDraft("delivered", "A" * 43)
    done = ConfirmDelivery(ID, OFFICE, 2)
    entry = RecordEntry(leaf, bytes(32), b"", b"", bytes(32), confirm=done)
    facts = GroupFacts({}, {}, {ID: (state, attempt)}, {})
    head = empty_head(1, "sx.example/log/1")
    decision = decide([entry], facts, head, Tree(), 1, 1)
    (outcome,) = decision.outcomes
    assert isinstance(outcome, Placed | Skipped)
    assert (decision.write is not None and decision.write.confirms == [done]) == isinstance(
        outcome, Placed
    )
    return isinstance(outcome, Placed)


@pytest.mark.parametrize("state", list(DeliveryState))
def test_a_lease_and_a_call_on_its_way_can_be_confirmed(state: DeliveryState) -> None:
    is_held = state in (DeliveryState.LEASED, DeliveryState.IN_FLIGHT)
    assert confirmed(state, 2) == is_held


@pytest.mark.parametrize("state", [DeliveryState.LEASED, DeliveryState.IN_FLIGHT])
@pytest.mark.parametrize("attempt", [1, 3])
def test_another_attempt_cannot(state: DeliveryState, attempt: int) -> None:
    assert not confirmed(state, attempt)

"""What a mailbox holds at most, on SQLite: counted when it may matter, and never too low."""

import sqlite3

from exchange.storage.rows import DeliveryState, GroupWrite, NewExchange
from exchange.storage.sqlite.boxes import BoxBounds
from signing.identifiers import ServiceCode, SystemId

OFFICE, COUNT = SystemId("sx/GOV/1/office"), ServiceCode("count")
BOX = (OFFICE, COUNT)


class Counted(sqlite3.Connection):
    """A database whose counts can be counted."""

    asked = 0

    def holds(self, number: int) -> None:
        """So many requests wait in the mailbox of system 1."""
        self.execute("DELETE FROM delivery")
        self.executemany(
            "INSERT INTO delivery VALUES (1, ?, 'request', 'ready')", [(COUNT,)] * number
        )

    def figure(self, bounds: BoxBounds, coming: int) -> int:
        """The figure for a mailbox of ten."""
        self.asked = 0
        self.set_trace_callback(lambda _: setattr(self, "asked", self.asked + 1))
        try:
            return bounds.figure(self, BOX, 1, 10, coming)
        finally:
            self.set_trace_callback(None)


def database() -> Counted:
    connection = sqlite3.connect(":memory:", factory=Counted)
    connection.execute("CREATE TABLE delivery (recipient, service, kind, state)")
    connection.execute("CREATE INDEX delivery_boxed ON delivery (recipient)")
    return connection


def putting(number: int) -> GroupWrite:
    row = NewExchange(b"id", OFFICE, COUNT, 0, DeliveryState.READY, 0, boxed_max=10)
    return GroupWrite(head=None, exchanges=[(row, 0)] * number)  # type: ignore[arg-type]


def test_a_mailbox_with_room_is_counted_once() -> None:
    connection, bounds = database(), BoxBounds()
    connection.holds(2)
    assert (connection.figure(bounds, 3), connection.asked) == (2, 1)
    bounds.add(putting(3))
    assert (connection.figure(bounds, 5), connection.asked) == (5, 0)


def test_a_mailbox_that_may_become_full_is_counted_exactly() -> None:
    connection, bounds = database(), BoxBounds()
    connection.holds(2)
    connection.figure(bounds, 3)
    bounds.add(putting(7))
    connection.holds(4)  # five were taken meanwhile, which no bound learns
    assert (connection.figure(bounds, 2), connection.asked) == (4, 1)
    assert (connection.figure(bounds, 6), connection.asked) == (4, 0)

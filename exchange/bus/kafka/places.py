"""The places of one partition: what a reader was handed, what it released, what may be committed.

Invariant: the position never passes a record that was handed over and not released.
"""

from dataclasses import dataclass

from exchange.bus.port import BusRecord


@dataclass(slots=True)
class _Place:
    record: BusRecord
    released: bool = False


class Places:
    """One partition's places, from the first that isn't released on.

    A rebalance may read again from the last commit although the partition stays here: what is
    still held is then no news. The same offset with another record means that the topic was
    made again; what was held before is forgotten.
    """

    def __init__(self) -> None:
        self._held: dict[int, _Place] = {}
        self._next = 0
        self.open = 0
        """Handed over and not released."""
        self.open_bytes = 0
        """Bytes of payload of those."""

    def take(self, offset: int, record: BusRecord) -> bool:
        """Take a record that was read; False when it is still held from an earlier reading."""
        if offset < self._next:
            place = self._held.get(offset)
            if place is not None and place.record == record:
                return False
            self.forget()
        self._held[offset] = _Place(record)
        self._next = offset + 1
        self.open += 1
        self.open_bytes += record.body.payload_bytes
        return True

    def skip(self, offset: int) -> None:
        """Pass a record that nobody is handed."""
        self._next = max(self._next, offset + 1)

    def release(self, offset: int) -> None:
        """Release a place; one that isn't held, or was released, stays as it is."""
        place = self._held.get(offset)
        if place is None or place.released:
            return
        place.released = True
        self.open -= 1
        self.open_bytes -= place.record.body.payload_bytes

    def position(self) -> int:
        """The lowest offset that isn't released: where a reader after us must begin."""
        while self._held:
            lowest = next(iter(self._held))
            if not self._held[lowest].released:
                return lowest
            del self._held[lowest]
        return self._next

    def forget(self) -> None:
        """Hold nothing any more."""
        self._held.clear()
        self.open = self.open_bytes = 0

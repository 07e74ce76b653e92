"""What the bus must be able to do with a payload without knowing what it is."""

from typing import Protocol

from exchange.bus.port import Body


class PayloadCodec(Protocol):
    """Turns payloads into bytes and back; handed in by wiring."""

    async def encode(self, body: Body) -> bytes | None:
        """The bytes of ``body.payload``, or None when it has to travel without.

        May wait (a receipt is made after its checkpoint), never long, and never raises.
        """
        ...

    def wants(self, body: Body) -> bool:
        """Whether anybody here needs the payload; asked before it is opened."""
        ...

    def decode(self, body: Body, data: bytes) -> object | None:
        """The payload again; ``body`` is the record's, without payload. None when it is none.

        ``data`` is what `encode` returned in a process that holds the same epoch keys.

        Raises:
            SealwayError: bytes of another version.
        """
        ...

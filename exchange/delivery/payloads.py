"""What dispatches and signals carry, as bytes: a leaf's place, then the delivery form of wire.md.

Carried form = ``u8 1 ‖ u32be shard ‖ u64be index ‖ u64be at_ms ‖ leaf salt ‖ u16be length ‖ leaf ‖
delivery form``. The receipt holds all of that too, but taking it apart costs four times as much.

Owns the way from what a process has in memory to what another can go on with. Refuses to own
secrecy: the bus seals the bytes. What comes back was verified before it was sent and was sealed
since, so it is decoded here and not verified again.
"""

import struct
from collections.abc import Callable
from typing import Final

from exchange.acceptance.stored import OpenedMessage
from exchange.bus.port import Body, Dispatch, Signal
from exchange.delivery.jobs import Job
from exchange.ledger.entries import Placed
from exchange.ledger.receipts import Receipts
from signing.at_rest import StoredInvalid
from signing.envelope import message_digest
from signing.errors import SealwayError
from signing.identifiers import MessageId
from signing.jws import MESSAGE, decode_jws
from signing.log.leaf import LEAF_SALT_BYTES
from signing.log.merkle import leaf_hash
from signing.manifest import parse_manifest
from signing.message import encode_delivery, parse_delivery, parse_frame

_PLACE: Final = struct.Struct(f">BIQQ{LEAF_SALT_BYTES}sH")
_FORM: Final = 1


class MessageCodec:
    """`PayloadCodec` of requests on their way to a deliverer, and of answers to who waits.

    ``awaits`` says whether anybody in this process waits for an exchange: every gateway sees every
    answer, and opens only its own.
    """

    def __init__(self, receipts: Receipts, awaits: Callable[[MessageId], bool]) -> None:
        self._receipts = receipts
        self._awaits = awaits

    async def encode(self, body: Body) -> bytes | None:
        """The carried form; waits for the receipt's signature.

        None without a receipt: whoever reads the record then reads the row.
        """
        payload = body.payload
        message = payload.message if isinstance(payload, Job) else payload
        if not isinstance(message, OpenedMessage):
            return None
        try:
            receipt = await self._receipts.receipt(message.place)
        except SealwayError:
            return None
        return encode_carried(message, receipt)

    def wants(self, body: Body) -> bool:
        """Every dispatch; of answers those that somebody in this process waits for."""
        if isinstance(body, Signal):
            return body.message_id is not None and self._awaits(body.message_id)
        return isinstance(body, Dispatch)

    def decode(self, body: Body, data: bytes) -> Job | OpenedMessage | None:
        """A job from a dispatch, an answer from a signal.

        Raises:
            SealwayError: not the carried form of this version.
        """
        message = parse_carried(data)
        if isinstance(body, Dispatch):
            return Job(message, 1, 0, interrupted=False, answer_by_ms=body.answer_by_ms)
        return message


def encode_carried(message: OpenedMessage, receipt: str) -> bytes:
    """The carried form of a message with its receipt."""
    place = message.place
    head = _PLACE.pack(
        _FORM, place.shard, place.index, place.at_ms, place.leaf_salt, len(place.leaf)
    )
    return b"".join((head, place.leaf, encode_delivery(receipt, message.frame)))


def parse_carried(data: bytes) -> OpenedMessage:
    """A message from its carried form, with its receipt; nothing verified.

    Raises:
        FrameMalformed, EnvelopeMalformed, ManifestInvalid, StoredInvalid: not the carried form of
            a message, or one of another version.
    """
    if len(data) < _PLACE.size or data[0] != _FORM:
        raise StoredInvalid("A record carries no message in the form of this version.")
    _, shard, index, at_ms, salt, size = _PLACE.unpack_from(data)
    leaf = data[_PLACE.size : _PLACE.size + size]
    receipt, frame = parse_delivery(data[_PLACE.size + size :])
    raw, parts = parse_frame(frame)
    signed = decode_jws(raw, MESSAGE).payload
    place = Placed(shard, index, leaf, leaf_hash(leaf), salt, at_ms, receipt)
    return OpenedMessage(raw, parse_manifest(signed), message_digest(signed), parts, place)

"""What dispatches and signals carry, as bytes: the delivery form of wire.md.

Owns the way from what a process has in memory to what another can go on with. Refuses to own
secrecy: the bus seals the bytes. What comes back was verified before it was sent and was sealed
since, so it is decoded here and not verified again.
"""

from collections.abc import Callable

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
from signing.log.leaf import parse_leaf
from signing.log.merkle import leaf_hash
from signing.manifest import parse_manifest
from signing.message import encode_delivery, parse_delivery, parse_frame
from signing.receipts import parse_receipt


class MessageCodec:
    """`PayloadCodec` of requests on their way to a deliverer, and of answers to who waits.

    ``awaits`` says whether anybody in this process waits for an exchange: every gateway sees every
    answer, and opens only its own.
    """

    def __init__(self, receipts: Receipts, awaits: Callable[[MessageId], bool]) -> None:
        self._receipts = receipts
        self._awaits = awaits

    async def encode(self, body: Body) -> bytes | None:
        """The delivery form; waits for the receipt's signature.

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
        return encode_delivery(receipt, message.frame)

    def decode(self, body: Body, data: bytes) -> Job | OpenedMessage | None:
        """A job from a dispatch, an answer from a signal.

        Raises:
            SealwayError: not a delivery form of this version.
        """
        if isinstance(body, Dispatch):
            message, by_ms = parse_carried(data), body.answer_by_ms
            return Job(message, 1, 0, interrupted=False, answer_by_ms=by_ms)
        if (
            not isinstance(body, Signal)
            or body.message_id is None
            or not self._awaits(body.message_id)
        ):
            return None
        return parse_carried(data)


def parse_carried(data: bytes) -> OpenedMessage:
    """A message from its delivery form, with its receipt; nothing verified.

    Raises:
        FrameMalformed, EnvelopeMalformed, ManifestInvalid, ProofInvalid, StoredInvalid: no
            delivery form of a message in a traffic log.
    """
    text, frame = parse_delivery(data)
    raw, parts = parse_frame(frame)
    signed = decode_jws(raw, MESSAGE).payload
    receipt = parse_receipt(text)
    shard = receipt.origin.rpartition("/log/")[2]
    if not shard.isdecimal():
        raise StoredInvalid("A record's receipt is of no traffic log.")
    place = Placed(
        shard=int(shard),
        index=receipt.index,
        leaf=receipt.leaf,
        leaf_hash=leaf_hash(receipt.leaf),
        leaf_salt=receipt.salt,
        at_ms=parse_leaf(receipt.leaf).ts_ms,
        receipt=text,
    )
    return OpenedMessage(raw, parse_manifest(signed), message_digest(signed), parts, place)

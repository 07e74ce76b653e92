"""Dead letters: what a person may do with a delivery that was given up.

Re-driven, it is tried again as if it were new, its attempts counted on. Dropped, its delivery is
withdrawn and nobody is handed the request any more; the exchange stays open until its time is
over or its consumer cancels it: the bus can't answer for a provider, and a rejection is the
provider's own signed word. Either way a leaf of kind ``dead`` says who decided.
"""

from exchange.acceptance.changes import Actor
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Recorder
from exchange.acceptance.stored import OpenedMessage, OpenedMessages
from exchange.delivery.statements import settled_entry
from exchange.ledger.entries import Placed
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.log_writer import Clock
from exchange.storage.rows import DeliveryState, SettleDead, StoredDelivery
from registry.services import Delivery, Service
from signing.errors import SealwayError
from signing.manifest import ANSWERS, Manifest


class DeadLetterGone(SealwayError):
    """Nothing is left to decide: somebody else did, or the exchange has ended."""

    code = "conflict"


class RepeatNotConfirmed(SealwayError):
    """The service must not see a request twice, and nobody said that this one may be repeated."""

    code = "repeat-not-confirmed"


class DeadLetters:
    """Carries out what a person decided."""

    def __init__(
        self,
        opened: OpenedMessages,
        committer: GroupCommitter,
        recorder: Recorder,
        directory: DirectoryInForce,
        clock: Clock,
    ) -> None:
        self._opened = opened
        self._committer = committer
        self._recorder = recorder
        self._directory = directory
        self._clock = clock

    async def redrive(
        self, dead: StoredDelivery, actor: Actor, *, may_repeat: bool = False
    ) -> DeliveryState:
        """Have it tried again, now; the state it is in afterwards.

        Raises:
            RepeatNotConfirmed: its service is ``repeat = never`` and was handed it before;
                ``may_repeat`` says that a person has made sure.
            DeadLetterGone: it isn't one any more, or its service is gone.
            SealwayError: the log can't be written; nothing changed.
        """
        message = await self._message(dead)
        if dead.kind in ANSWERS:  # it may be handed to its consumer as often as wished
            await self._settle(dead, message, DeliveryState.READY, actor)
            return DeliveryState.READY
        service, delivery = self._way(dead, message.manifest)
        if service.repeat == "never" and dead.attempt > 0 and not may_repeat:
            raise RepeatNotConfirmed(
                "The service must not be asked twice, and it was asked before with an outcome that"
                " nobody knows."
            )
        boxed = delivery.kind == "mailbox"
        state = DeliveryState.READY if boxed else DeliveryState.QUEUED
        await self._settle(dead, message, state, actor)
        return state

    async def drop(self, dead: StoredDelivery, actor: Actor) -> None:
        """Hand it to nobody any more. Raises DeadLetterGone, SealwayError as `redrive`."""
        await self._settle(dead, await self._message(dead), DeliveryState.WITHDRAWN, actor)

    def _way(self, dead: StoredDelivery, manifest: Manifest) -> tuple[Service, Delivery]:
        """How the service is reached today. Raises DeadLetterGone."""
        service = self._directory.current.service(dead.recipient, dead.service)
        if service is not None:
            delivery = service.test_delivery if manifest.test else service.delivery
            if delivery is not None:
                return service, delivery
        raise DeadLetterGone("The service isn't registered any more; drop the dead letter.")

    async def _message(self, dead: StoredDelivery) -> OpenedMessage:
        message = await self._opened.message(dead.id)
        assert message is not None, "a delivery without its message"
        return message

    async def _settle(
        self, dead: StoredDelivery, message: OpenedMessage, state: DeliveryState, actor: Actor
    ) -> None:
        now_ms = self._clock()
        entry = settled_entry(
            self._recorder,
            message.manifest,
            message.place.leaf_hash,
            dead,
            SettleDead(dead.id, dead.recipient, state, now_ms),
            actor,
            now_ms,
        )
        outcome = await self._committer.submit(entry, self._directory.version)
        if not isinstance(outcome, Placed):
            raise DeadLetterGone("It is no dead letter any more, or its exchange has ended.")

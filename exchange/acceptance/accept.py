"""The first door: what a system signed.

Takes an envelope through the checks in their order, and the message into the ledger. The question
whether a message was accepted before is asked when something speaks against it, or by the commit
itself: the answer is the same and the hot path reads nothing.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.acceptance.arrival import Arrival, Terms
from exchange.acceptance.checks import ON_MESSAGE, ON_SENDER, Check
from exchange.acceptance.checks.payload import check_commitments, check_payload
from exchange.acceptance.checks.quota import Room
from exchange.acceptance.checks.rate import Rates
from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.refusals import Refusals
from exchange.acceptance.requests import AnsweredRequest, Requests
from exchange.acceptance.sealing import answer_by_ms, message_entry
from exchange.acceptance.stored import OpenedMessages
from exchange.ledger.entries import Duplicate, Entry, Lost, Outcome, Placed
from exchange.ledger.errors import MessageIdReused, NothingToCancel
from exchange.ledger.group_commit import GroupCommitter, Submission
from exchange.ledger.log_writer import Clock
from exchange.storage.port import Reads
from exchange.storage.rows import ExchangeState
from schemas.catalogue import Validators
from signing.at_rest import EpochKeys
from signing.encoding import b64url_decode
from signing.envelope import VerifiedEnvelope, verify_envelope
from signing.errors import SealwayError
from signing.identifiers import MessageId, message_id_bytes
from signing.message import Parts
from signing.values import value_type

OF_CERTIFICATES: Final = frozenset(
    {"certificate-unknown", "certificate-expired", "certificate-revoked"}
)
"""Codes that a newer directory may have an end to."""

ENDING: Final = frozenset({"response", "rejection", "cancel"})
"""Kinds that end the exchange they are about."""

TROUBLE: Final = frozenset(
    {"log-unavailable", "bus-backlogged", "outcome-unknown", "internal", "anchoring-late"}
)
"""Codes that say nothing about the message: no refusal is logged for them."""


class Refused(Exception):
    """A message with a valid signature was not accepted; ``place`` is its refusal's leaf."""

    def __init__(self, message_id: MessageId, error: SealwayError, place: Placed | None) -> None:
        super().__init__(error.detail)
        self.message_id = message_id
        self.error = error
        self.place = place


@value_type
class Accepted:
    """A message the bus is responsible for; ``again``: it already was."""

    envelope: VerifiedEnvelope
    place: Placed
    again: bool = False


@value_type
class Taken:
    """What the relay gets of an accepted message, still in memory."""

    arrival: Arrival
    parts: Parts
    answer_by_ms: int = 0
    is_due: bool = False
    """Its delivery was due at once: a sweep takes it, and the bus needn't carry it."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What acceptance works with."""

    committer: GroupCommitter
    directory: DirectoryInForce
    requests: Requests
    opened: OpenedMessages
    reads: Reads
    refusals: Refusals
    validators: Validators
    epochs: EpochKeys
    terms: Terms
    clock: Clock
    grace_ms: Callable[[], int]
    """How long the bus has for a new delivery before a sweep takes it; 0 while it is away."""
    check_room: Callable[[], None]
    """Raises BusBacklogged while too much of what was accepted isn't on its way."""
    check_anchored: Callable[[], None]
    """Raises AnchoringLate while nobody has vouched for the log for too long."""


class Acceptance:
    """Takes responsibility for messages, or refuses them."""

    def __init__(self, workshop: Workshop) -> None:
        self._w = workshop
        self._rates = Rates(workshop.terms.rate_per_s_max)
        self._room = Room(workshop.reads)
        self.accepted: Counter[str] = Counter()
        """Messages that this process committed, by kind."""
        self.refused: Counter[str] = Counter()
        """Messages with a valid signature that it refused, by code."""

    async def arrive(self, raw: bytes) -> Arrival | Accepted:
        """Check an envelope as far as it goes without its parts.

        Answers the earlier acceptance when this very message was accepted before.

        Raises:
            SealwayError: not provably anybody's message; nothing is logged.
            Refused: a valid signature, and a refusal that is logged.
        """
        self.check_writable()
        directory = self._w.directory
        try:
            envelope = verify_envelope(raw, directory.current)
        except SealwayError as error:
            if error.code not in OF_CERTIFICATES or not await directory.refresh():
                raise
            self.check_writable()
            envelope = verify_envelope(raw, directory.current)
        return await self._arrive(envelope)

    async def accept(
        self, envelope: VerifiedEnvelope, parts: Parts, *, checked_at: int | None = None
    ) -> Accepted:
        """Take responsibility for one message, or refuse it.

        The message, its leaf and its delivery commit together; the bus is touched later, by the
        relay. A crash can repeat a delivery and cannot lose one. Sending the same message again
        answers its first acceptance.

        ``checked_at``: the directory version under which the caller, who made these parts itself,
        has just checked them; they are checked again if another is in force.

        Raises:
            Refused: with the error of the check that refused it.
            NothingToCancel: a cancel of what has ended without an answer; nothing is recorded.
            SealwayError: the log can't be written now; send the same bytes again.
        """
        self.check_writable()
        arrival = await self._arrive(envelope)
        if isinstance(arrival, Accepted):
            return arrival
        return await self.take(arrival, parts, checked_at=checked_at)

    def check_writable(self) -> None:
        """A log that can't be written accepts nothing, and refuses nothing either.

        A frozen bus holds the directory of an older copy: what is not allowed by that may well be.
        """
        if self._w.committer.writer.failed is not None:
            raise self._w.committer.writer.failed
        self._w.check_anchored()

    async def _arrive(self, envelope: VerifiedEnvelope) -> Arrival | Accepted:
        w = self._w
        arrival = Arrival(envelope, w.directory.current, w.clock(), w.terms)
        try:
            await self._judge(arrival, ON_SENDER)
            self._rates.check(envelope.manifest.sender, arrival.now_ms)
        except SealwayError as error:
            if error.code in TROUBLE:
                raise
            raise await self._refused(arrival, error) from error
        try:
            await self._find_request(arrival)
            await self._judge(arrival, ON_MESSAGE)
            await self._room.check(arrival)
        except SealwayError as error:
            return await self._known_or_refused(arrival, error)
        return arrival

    async def _judge(self, arrival: Arrival, checks: Sequence[Check]) -> None:
        """Run checks; before the answer is no, learn what other processes changed meanwhile."""
        try:
            for check in checks:
                check(arrival)
        except SealwayError:
            if not await self._w.directory.refresh():
                raise
            arrival.directory = self._w.directory.current
            for check in checks:
                check(arrival)

    async def _judge_payload(self, arrival: Arrival, parts: Parts) -> None:
        """Check the body; before the answer is no, by the versions in force now everywhere."""
        try:
            check_payload(arrival, parts, self._w.validators)
        except SealwayError:
            await self._w.directory.refresh()
            if self._w.directory.version == arrival.directory.version:
                raise
            arrival.directory = self._w.directory.current
            for check in (*ON_SENDER, *ON_MESSAGE):
                check(arrival)
            check_payload(arrival, parts, self._w.validators)

    async def _find_request(self, arrival: Arrival) -> None:
        manifest = arrival.envelope.manifest
        if manifest.about is None:
            return
        acknowledges = manifest.kind == "acknowledgement"
        find = self._w.requests.find_message if acknowledges else self._w.requests.find
        arrival.request = await find(manifest.about.id)

    async def take(
        self, arrival: Arrival, parts: Parts, *, checked_at: int | None = None
    ) -> Accepted:
        """Accept an arrival with its parts; raises as `accept` does.

        A caller that is cancelled while it waits cancels nothing: the committer goes on.
        """
        w = self._w
        try:
            if checked_at != arrival.directory.version:
                check_commitments(arrival, parts)
                await self._judge_payload(arrival, parts)
            taken, grace_ms = self._taken(arrival, parts)
            outcome = await w.committer.submit(
                message_entry(arrival, parts, w.epochs, grace_ms),
                arrival.directory.version,
                lambda: self._recheck(arrival, parts, grace_ms),
                taken,
            )
        except SealwayError as error:
            if error.code in TROUBLE:
                raise
            return await self._known_or_refused(arrival, error)
        return await self._concluded(arrival, outcome)

    def _taken(self, arrival: Arrival, parts: Parts) -> tuple[Taken, int]:
        """What the relay gets, and how long the bus has; only requests have to have room."""
        if arrival.right is None:
            return Taken(arrival, parts), 0
        self._w.check_room()
        grace_ms = self._w.grace_ms()
        return Taken(arrival, parts, answer_by_ms(arrival, arrival.right), grace_ms == 0), grace_ms

    def _recheck(self, arrival: Arrival, parts: Parts, grace_ms: int) -> tuple[Entry, int]:
        """Check again under the directory in force now, all but time, rate and commitments."""
        arrival.directory = self._w.directory.current
        for check in (*ON_SENDER, *ON_MESSAGE):
            check(arrival)
        check_payload(arrival, parts, self._w.validators)
        entry = message_entry(arrival, parts, self._w.epochs, grace_ms)
        return entry, arrival.directory.version

    async def _concluded(self, arrival: Arrival, outcome: Outcome) -> Accepted:
        if isinstance(outcome, Placed):
            return Accepted(arrival.envelope, outcome)
        if isinstance(outcome, Lost):
            if isinstance(outcome.error, NothingToCancel):
                raise outcome.error
            id_ = arrival.envelope.manifest.id
            self.refused[outcome.error.code] += 1
            raise Refused(id_, outcome.error, outcome.refusal) from outcome.error
        assert isinstance(outcome, Duplicate)
        before = await self._accepted_before(arrival.envelope)
        assert before is not None, "the commit found it"
        return before

    async def _known_or_refused(self, arrival: Arrival, error: SealwayError) -> Accepted:
        """The earlier acceptance if there was one: then nothing else about the message matters."""
        if error.code in TROUBLE:
            raise error
        try:
            before = await self._accepted_before(arrival.envelope)
        except MessageIdReused as reused:
            raise await self._refused(arrival, reused) from reused
        if before is not None:
            return before
        if isinstance(error, NothingToCancel):
            raise error
        raise await self._refused(arrival, error) from error

    async def _accepted_before(self, envelope: VerifiedEnvelope) -> Accepted | None:
        id_ = message_id_bytes(envelope.manifest.id)
        stored = await self._w.reads.message(id_)
        if stored is None:
            return None
        if stored.digest != b64url_decode(envelope.digest):
            raise MessageIdReused(
                "This id was accepted before for another message; use a fresh id."
            )
        return Accepted(envelope, await self._w.opened.place(stored), again=True)

    async def _refused(self, arrival: Arrival, error: SealwayError) -> Refused:
        self.refused[error.code] += 1
        place = await self._w.refusals.log(arrival, error)
        return Refused(arrival.envelope.manifest.id, error, place)

    def committed(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        """Learn from a group that has just committed, before the relay sees it."""
        for submission, outcome in pairs:
            taken = submission.payload
            if isinstance(taken, Taken) and isinstance(outcome, Placed):
                self._learn(taken, outcome)
                self._room.put(submission.entry)

    def _learn(self, taken: Taken, place: Placed) -> None:
        envelope = taken.arrival.envelope
        manifest = envelope.manifest
        self.accepted[manifest.kind] += 1
        if manifest.kind == "request":
            self._w.requests.add(
                AnsweredRequest(
                    manifest,
                    envelope.digest,
                    place.leaf_hash,
                    taken.answer_by_ms,
                    ExchangeState.OPEN,
                )
            )
        elif manifest.about is not None and manifest.kind in ENDING:
            self._w.requests.drop(manifest.about.id)

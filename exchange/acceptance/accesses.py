"""Reads and exports by people: each is a leaf of log 0 before the first byte leaves.

Owns what such a record says. Refuses to decide who may read: whoever answers a person asks first,
then records, then hands over. The records are sealed like envelopes, so that what they say of
people can be erased; their leaves name the parties of what was read, and no person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from exchange.acceptance.changes import Actor, DirectoryLog
from exchange.acceptance.record import Act, Parties, Recorder
from exchange.ledger.entries import Placed, RecordEntry
from signing.encoding import b64url_encode
from signing.manifest import Manifest

READS_MAX: Final = 100  # of one call: one group of log 0, which everybody's changes wait for
REASON_CHARS_MAX: Final = 4_000

CONTENT_READ: Final = "content-read"
EXPORTED: Final = "evidence-exported"


@dataclass(frozen=True, slots=True)
class ContentRead:
    """A message whose content a person is about to be shown; ``part``: only that one."""

    manifest: Manifest
    leaf_hash: bytes
    part: str | None = None


class Accesses:
    """Records what people read and take away."""

    def __init__(self, log: DirectoryLog, recorder: Recorder) -> None:
        self._log = log
        self._recorder = recorder

    async def record_reads(
        self, reads: Sequence[ContentRead], actor: Actor, reason: str | None = None
    ) -> list[Placed]:
        """One ``read`` leaf for each message, all or none; durable and signed when it returns.

        Nothing of the content may leave before. ``reason`` is the reader's own words.

        Raises:
            SealwayError: log 0 can't be written; nothing may be shown.
        """
        assert 1 <= len(reads) <= READS_MAX
        _check_reason(reason)
        return await self._log.record(
            lambda now_ms: [self._read_entry(read, actor, reason, now_ms) for read in reads]
        )

    async def record_export(
        self,
        name: str,
        description: dict[str, Any],
        actor: Actor,
        reason: str | None = None,
        party: str | None = None,
    ) -> Placed:
        """The ``export`` leaf of one bundle; durable and signed when it returns.

        ``name`` is what the bundle is called; ``description`` says what is in it: range, filter,
        recipient, as JSON. ``party`` is the system whose leaves it shows, for an export that shows
        no others'.

        Raises:
            SealwayError: log 0 can't be written; nothing may leave.
        """
        _check_reason(reason)
        after = {**description, **({"reason": reason} if reason is not None else {})}
        act = Act("export", EXPORTED, "bundle", name, after, actor=actor.name, role=actor.role)
        (place,) = await self._log.record(
            lambda now_ms: [self._recorder.traffic_entry(act, now_ms, Parties(to=party))]
        )
        return place

    def _read_entry(
        self, read: ContentRead, actor: Actor, reason: str | None, now_ms: int
    ) -> RecordEntry:
        after: dict[str, Any] = {}
        if read.part is not None:
            after["part"] = read.part
        if reason is not None:
            after["reason"] = reason
        said = read.manifest
        act = Act(
            "read", CONTENT_READ, "message", said.id, after, actor=actor.name, role=actor.role
        )
        ref = b64url_encode(read.leaf_hash)
        parties = Parties(said.sender, said.to, said.service, said.test, ref)
        return self._recorder.traffic_entry(act, now_ms, parties)


def _check_reason(reason: str | None) -> None:
    assert reason is None or len(reason) <= REASON_CHARS_MAX, "the API checks its length"

"""Mailboxes: lease, extend, release, confirm.

A lease token names a delivery and an attempt and is sealed with a MAC, so that only the holder of
the last lease can end it. A confirmation with the current token counts even after the lease ran
out, until the next lease or the end; repeats are harmless.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.acceptance.directory import DirectoryInForce
from exchange.acceptance.record import Recorder
from exchange.acceptance.stored import OpenedMessage, OpenedMessages
from exchange.delivery.statements import dead_entry, delivered_entry
from exchange.delivery.waiting import Waiting
from exchange.ledger.entries import Placed
from exchange.ledger.group_commit import GroupCommitter
from exchange.ledger.log_writer import Clock
from exchange.storage.port import Store
from exchange.storage.rows import DeliveryState, HeldLease, StoredDelivery
from signing.encoding import b64url_decode, b64url_encode
from signing.errors import EncodingInvalid, SealwayError
from signing.identifiers import Code, ServiceCode, SystemId

_MAC_BYTES: Final = 16
_TOKEN_BYTES: Final = 16 + 4 + _MAC_BYTES
_INFO: Final = b"sealway/lease/v1"


class LeaseLost(SealwayError):
    """The token is not the delivery's last lease: another has begun, or it never was one."""

    code = "lease-lost"


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery under a lease, with its message."""

    token: str
    row: StoredDelivery
    message: OpenedMessage


class Mailbox:
    """The mailboxes of every system on this bus."""

    def __init__(
        self,
        store: Store,
        opened: OpenedMessages,
        committer: GroupCommitter,
        recorder: Recorder,
        directory: DirectoryInForce,
        waiting: Waiting,
        clock: Clock,
        token_key: bytes,
        leases_max: int,
    ) -> None:
        self._store = store
        self._opened = opened
        self._committer = committer
        self._recorder = recorder
        self._directory = directory
        self._waiting = waiting
        self._clock = clock
        self._token_key = token_key
        self._leases_max = leases_max

    async def lease(
        self,
        system: SystemId,
        services: Sequence[ServiceCode],
        count_max: int,
        lease_s: float,
        wait_s: float,
        kinds: Sequence[str] = (),
    ) -> list[Leased]:
        """Lease up to ``count_max`` deliveries, the oldest first; wait when there are none.

        Only of these services and kinds of message, where some are named.
        A delivery that was leased more often than the limit is given up instead of handed out.
        """
        leased = await self._lease_now(system, services, count_max, lease_s, kinds)
        deadline_ms = self._clock() + int(wait_s * 1000)
        while not leased and (left_s := (deadline_ms - self._clock()) / 1000) > 0:
            await self._waiting.mailbox(system, min(left_s, self._waiting.mailbox_look_s))
            leased = await self._lease_now(system, services, count_max, lease_s, kinds)
        return leased

    async def _lease_now(
        self,
        system: SystemId,
        services: Sequence[ServiceCode],
        count_max: int,
        lease_s: float,
        kinds: Sequence[str],
    ) -> list[Leased]:
        now_ms = self._clock()
        rows = await self._store.lease_mailbox(
            system, services, now_ms, now_ms + int(lease_s * 1000), count_max, kinds
        )
        found = []
        for row in rows:
            message = await self._opened.message(row.id)
            assert message is not None, "a delivery without its message"
            if self._is_over(message):
                continue
            if row.attempt % (self._leases_max + 1) == 0:  # re-driven, it has as many again
                await self._give_up(message)
                continue
            found.append(Leased(self._token(row), row, message))
        return found

    def _is_over(self, message: OpenedMessage) -> bool:
        expires = message.manifest.expires_ms
        return expires is not None and expires <= self._clock()

    async def _give_up(self, message: OpenedMessage) -> None:
        entry = dead_entry(
            self._recorder,
            message.manifest,
            message.place.leaf_hash,
            "leases-exhausted",
            self._clock(),
        )
        await self._committer.submit(entry, self._directory.version)

    async def extend(
        self, system: SystemId, tokens: Sequence[str], lease_s: float
    ) -> list[int | None]:
        """Let leases run ``lease_s`` from now, never shorter than they do; until when, each.

        None: not the delivery's last lease, or the delivery is over. Harmless to repeat.
        """
        held = self._held(system, tokens)
        until_ms = self._clock() + int(lease_s * 1000)
        current = [one for one in held if one is not None]
        found = await self._store.extend_leases(system, current, until_ms) if current else {}
        return [None if one is None else found.get(one.id) for one in held]

    async def release(
        self, system: SystemId, tokens: Sequence[str], reason: Code | None = None
    ) -> list[bool]:
        """Give leased deliveries back, free at once; ``reason`` is shown in their timelines.

        False: not the delivery's last lease, or the delivery is over. Releasing again is harmless.
        """
        held = self._held(system, tokens)
        current = [one for one in held if one is not None]
        if not current:
            return [False] * len(held)
        found = set(await self._store.release_leases(system, current, self._clock(), reason))
        if found:
            self._waiting.wake_mailbox(system)
        return [
            one is not None
            and (one.id in found or await self._is(DeliveryState.READY, system, one))
            for one in held
        ]

    def _held(self, system: SystemId, tokens: Sequence[str]) -> list[HeldLease | None]:
        """What each token names; None where it is none of this system's."""
        held: list[HeldLease | None] = []
        for token in tokens:
            try:
                held.append(HeldLease(*self._parse_token(system, token)))
            except LeaseLost:
                held.append(None)
        return held

    async def confirm(self, system: SystemId, token: str) -> None:
        """End a leased delivery; confirming again is harmless. Its leaf is ``delivered``.

        Raises:
            LeaseLost: not the delivery's last lease.
        """
        id_, attempt = self._parse_token(system, token)
        message = await self._opened.message(id_)
        if message is None:
            raise LeaseLost("The lease is not there any more.")
        entry = delivered_entry(
            self._recorder, message.manifest, message.place.leaf_hash, attempt, self._clock()
        )
        outcome = await self._committer.submit(entry, self._directory.version)
        if isinstance(outcome, Placed):
            return
        if not await self._is(DeliveryState.DONE, system, HeldLease(id_, attempt)):
            raise LeaseLost("Another lease has begun, or the delivery is over.")

    async def _is(self, state: DeliveryState, system: SystemId, held: HeldLease) -> bool:
        """Whether the delivery is in this state since that lease: then a call is a repeat."""
        return any(
            (row.recipient, row.state, row.attempt) == (system, state, held.attempt)
            for row in await self._store.reads.deliveries(held.id)
        )

    def _token(self, row: StoredDelivery) -> str:
        body = row.id + row.attempt.to_bytes(4, "big")
        return b64url_encode(body + self._mac(body, row.recipient))

    def _mac(self, body: bytes, system: SystemId) -> bytes:
        message = _INFO + body + system.encode("ascii")
        return hmac.digest(self._token_key, message, "sha256")[:_MAC_BYTES]

    def _parse_token(self, system: SystemId, token: str) -> tuple[bytes, int]:
        try:
            data = b64url_decode(token, _TOKEN_BYTES)
        except EncodingInvalid as error:
            raise LeaseLost("This is not a lease token of this bus.") from error
        body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body, system)):
            raise LeaseLost("This is not a lease token of yours.")
        return body[:16], int.from_bytes(body[16:], "big")

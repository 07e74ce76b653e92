"""From settings to the numbers that each layer judges by, in that layer's own units."""

from typing import Final

from exchange.acceptance.arrival import Terms
from exchange.api.context import ApiLimits
from exchange.delivery.attempts import DeliveryTimes
from exchange.delivery.breakers import BreakerTerms
from exchange.delivery.relay import RelayLimits
from exchange.delivery.sweeper import SweepTimes
from exchange.operation.settings import Settings

FRAME_BYTES: Final = 64 * 1024
"""Room in a body for what isn't a part: envelope, salt, lengths."""


def terms(settings: Settings) -> Terms:
    """What acceptance judges by."""
    limits = settings.limits
    return Terms(
        bus=settings.bus,
        part_bytes_max=limits.part_bytes_max,
        parts_bytes_max=max(limits.part_bytes_max, limits.body_bytes_max - FRAME_BYTES),
        id_age_ms_max=limits.id_age_s_max * 1000,
        id_ahead_ms_max=limits.id_ahead_s_max * 1000,
        times_apart_ms_max=limits.times_apart_s_max * 1000,
        mailbox_max=limits.mailbox_max,
    )


def delivery_times(settings: Settings) -> DeliveryTimes:
    """When deliveries are tried, held and given up."""
    delivery = settings.delivery
    return DeliveryTimes(
        hold_s=delivery.hold_s,
        claim_ms=int(delivery.claim_s * 1000),
        retry_first_ms=int(delivery.retry_first_s * 1000),
        retry_max_ms=int(delivery.retry_max_s * 1000),
        misbehaved_max=delivery.misbehaved_max,
        concurrency=delivery.concurrency,
        breaker=BreakerTerms(
            failures=delivery.breaker_failures,
            open_ms=int(delivery.breaker_open_s * 1000),
            open_max_ms=int(delivery.breaker_open_s_max * 1000),
        ),
    )


def sweep_times(settings: Settings) -> SweepTimes:
    """How often and how much is swept."""
    delivery = settings.delivery
    shared = settings.database is not None
    return SweepTimes(
        every_s=poll_s(settings, delivery.sweep_every_s),
        expire_every_s=delivery.sweep_every_s,
        rows_max=delivery.sweep_rows_max,
        claim_ms=int(delivery.claim_s * 1000),
        expire_grace_ms=int(delivery.expire_grace_s * 1000),
        expire_spread_ms=int(delivery.sweep_every_s * 2000) if shared else 0,
    )


def poll_s(settings: Settings, told_s: float = 1.0) -> float:
    """How often a process looks for what the bus tells it, or for what nobody tells."""
    return settings.delivery.poll_s if settings.bus_kind == "database" else told_s


def relay_limits(settings: Settings) -> RelayLimits:
    """How much may be accepted that the bus doesn't carry."""
    limits = settings.limits
    return RelayLimits(
        unrelayed_entries_max=limits.unrelayed_entries_max,
        unrelayed_bytes_max=limits.unrelayed_bytes_max,
        unrelayed_ms_max=int(limits.unrelayed_s_max * 1000),
    )


def api_limits(settings: Settings) -> ApiLimits:
    """What the API enforces."""
    limits = settings.limits
    return ApiLimits(
        body_bytes_max=limits.body_bytes_max,
        envelope_bytes_max=limits.envelope_bytes_max,
        part_bytes_max=limits.part_bytes_max,
        body_s_max=limits.body_s_max,
        wait_s_max=limits.wait_s_max,
        mailbox_wait_s_max=limits.mailbox_wait_s_max,
        deliveries_max=limits.deliveries_max,
        lease_s=limits.lease_s,
        lease_s_max=limits.lease_s_max,
        long_polls_per_system=limits.long_polls_per_system,
        changes_max=limits.changes_max,
    )

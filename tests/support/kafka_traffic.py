"""Records to send over a Kafka, and reading them back with patience."""

import asyncio
from collections.abc import Callable, Sequence

from exchange.bus.port import BusRecord, Carried, Dispatch, Subscription
from signing.identifiers import MessageId, ServiceCode, SystemId


def dispatch(number: int, system: str = "sx/GOV/2002/civil-registry", **more: object) -> BusRecord:
    """A request of a made-up message, with a small payload unless told otherwise."""
    fields: dict[str, object] = {"payload": {"number": number}, "payload_bytes": 10, **more}
    return BusRecord.dispatch(
        Dispatch(
            message_id=MessageId(f"01a201fb-aa7b-7cc0-98c4-{number:012x}"),
            recipient=SystemId(system),
            kind="request",
            shard=1,
            index=number,
            accepted_at_ms=1_790_000_000_000 + number,
            service=ServiceCode("person-status"),
            **fields,  # type: ignore[arg-type]
        )
    )


def dispatches(count: int, first: int = 0, systems: int = 20) -> list[BusRecord]:
    """As many, for several recipients in turn."""
    return [dispatch(n, f"sx/GOV/{n % systems}/system") for n in range(first, first + count)]


def numbers(carried: Sequence[Carried]) -> list[int]:
    """Which ones these are."""
    return [c.record.body.index for c in carried if isinstance(c.record.body, Dispatch)]


async def read(
    reader: Subscription,
    enough: Callable[[list[Carried]], bool],
    within_s: float = 20.0,
    *,
    release: bool = True,
) -> list[Carried]:
    """Read until ``enough``, releasing what was read unless told not to."""
    seen: list[Carried] = []
    async with asyncio.timeout(within_s):
        while not enough(seen):
            batch = await anext(reader)
            seen.extend(batch)
            if release:
                for carried in batch:
                    reader.done(carried)
    return seen


def all_of(wanted: Sequence[BusRecord]) -> Callable[[list[Carried]], bool]:
    """Whether every one of these has been seen."""
    rest = set(wanted)
    looked = 0

    def enough(seen: list[Carried]) -> bool:
        nonlocal looked
        rest.difference_update(c.record for c in seen[looked:])
        looked = len(seen)
        return not rest

    return enough

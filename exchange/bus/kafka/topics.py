"""The topics: what there is on a cluster, made by an explicit act and never at run time.

A topic that makes itself has the broker's defaults: one partition, one copy. Brokers should run
with ``auto.create.topics.enable=false``.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.port import BusLost

_REQUEST_S: Final = 30.0
_LOOKS: Final = 50
_LOOK_EVERY_S: Final = 0.1
_EXISTS: Final = 36  # TOPIC_ALREADY_EXISTS: somebody else was quicker
_HOUR_MS: Final = 3_600_000
_WEEK_MS: Final = 7 * 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class PlannedTopic:
    """A topic as it should be."""

    name: str
    partitions: int
    settings: dict[str, str] = field(default_factory=dict)


TOPICS: Final = (
    # One process serves a recipient at a time; sixteen bounds how many processes share the work.
    PlannedTopic("sealway.deliver", 16, {"retention.ms": str(_WEEK_MS)}),
    # Read from the end only: an hour is for whoever looks for the cause of something.
    PlannedTopic("sealway.signal", 16, {"retention.ms": str(_HOUR_MS)}),
    # The highest signed checkpoint of each log, by origin: never thrown away, and compacted every
    # ten minutes, so that whoever starts reads thousands of records and not millions.
    PlannedTopic(
        "sealway.checkpoint",
        1,
        {
            "cleanup.policy": "compact",
            "segment.ms": str(_HOUR_MS // 6),
            "max.compaction.lag.ms": str(_HOUR_MS // 6),
            "min.cleanable.dirty.ratio": "0.1",
        },
    ),
    # Copies for tools; the row is the truth.
    PlannedTopic("sealway.dead", 1, {"retention.ms": str(_WEEK_MS)}),
)


async def create_topics(
    brokers: Brokers, *, copies: int = 3, copies_in_sync_min: int = 2
) -> tuple[str, ...]:
    """Make the topics that aren't there, and return their names; harmless to repeat.

    What is there is left as it is: `topic_faults` tells how it differs.

    Raises:
        BusLost: the cluster can't be reached, or refused.
    """
    admin = AIOKafkaAdminClient(**brokers.options(_REQUEST_S))
    try:
        await admin.start()
        there = set(await admin.list_topics())
        wanted = [topic for topic in TOPICS if brokers.named(topic.name) not in there]
        return await _create(admin, brokers, wanted, copies, copies_in_sync_min)
    except (KafkaError, OSError) as error:
        raise BusLost("The topics can't be made.", cause=repr(error)) from error
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient,
    brokers: Brokers,
    wanted: Sequence[PlannedTopic],
    copies: int,
    copies_in_sync_min: int,
) -> tuple[str, ...]:
    if not wanted:
        return ()
    in_sync = {"min.insync.replicas": str(copies_in_sync_min)}
    topics = [
        NewTopic(
            brokers.named(topic.name),
            topic.partitions,
            copies,
            topic_configs={**in_sync, **topic.settings},
        )
        for topic in wanted
    ]
    answer: Any = await admin.create_topics(topics)
    for name, code, *why in answer.topic_errors:
        if code not in (0, _EXISTS):
            raise BusLost(f"The topic {name} can't be made: error {code} of the broker.", why=why)
    made = tuple(name for name, code, *_ in answer.topic_errors if code == 0)
    await _until_listed(admin, {name for name, *_ in answer.topic_errors})
    return made


async def _until_listed(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until the brokers tell of the topics; they learn of them one after the other."""
    for _ in range(_LOOKS):
        if names <= set(await admin.list_topics()):
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def topic_faults(brokers: Brokers) -> tuple[str, ...]:
    """One sentence for each topic that is missing or has another number of partitions.

    Raises:
        BusLost: the cluster can't be reached.
    """
    admin = AIOKafkaAdminClient(**brokers.options(_REQUEST_S))
    try:
        await admin.start()
        there = set(await admin.list_topics())
        present = [name for name in map(_name, TOPICS) if brokers.named(name) in there]
        described = await admin.describe_topics([brokers.named(name) for name in present])
    except (KafkaError, OSError) as error:
        raise BusLost("The topics can't be read.", cause=repr(error)) from error
    finally:
        await admin.close()
    partitions = {one["topic"]: len(one["partitions"]) for one in described}
    return tuple(_faults(brokers, partitions))


def _faults(brokers: Brokers, partitions: dict[str, int]) -> list[str]:
    faults = []
    for topic in TOPICS:
        name = brokers.named(topic.name)
        if name not in partitions:
            faults.append(f"The topic {name} is missing; `sealway migrate` makes it.")
        elif partitions[name] != topic.partitions:
            faults.append(
                f"The topic {name} has {partitions[name]} partitions instead of {topic.partitions}."
            )
    return faults


def _name(topic: PlannedTopic) -> str:
    return topic.name

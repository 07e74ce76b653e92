"""A look at a cluster: how many brokers there are, and how well our topics are kept.

For `doctor`; nothing is written.
"""

from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.topics import TOPICS
from exchange.bus.port import BusLost

_REQUEST_S: Final = 10.0
_IN_SYNC_MIN: Final = "min.insync.replicas"


@dataclass(frozen=True, slots=True)
class TopicView:
    """One topic; of copies and copies in sync, the partition that has fewest counts."""

    name: str
    partitions: int
    copies: int
    in_sync: int
    in_sync_min: int


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The brokers that answer, and those of our topics that are there."""

    brokers: int
    topics: tuple[TopicView, ...]


async def look(brokers: Brokers) -> ClusterView:
    """What the cluster tells of itself.

    Raises:
        BusLost: it can't be reached, or doesn't let us in.
    """
    admin = AIOKafkaAdminClient(**brokers.options(_REQUEST_S))
    try:
        await admin.start()
        cluster: dict[str, Any] = await admin.describe_cluster()
        there = set(await admin.list_topics())
        names = [name for name in (brokers.named(one.name) for one in TOPICS) if name in there]
        described = await admin.describe_topics(names) if names else []
        in_sync_min = await _in_sync_min(admin, names)
    except (KafkaError, OSError) as error:
        raise BusLost(f"Kafka can't be asked ({_told(error)}).", cause=repr(error)) from error
    finally:
        await admin.close()
    topics = [_topic(one, in_sync_min) for one in described]
    return ClusterView(len(cluster["brokers"]), tuple(topics))


def _told(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _topic(described: dict[str, Any], in_sync_min: dict[str, int]) -> TopicView:
    partitions = described["partitions"]
    return TopicView(
        name=described["topic"],
        partitions=len(partitions),
        copies=min(len(one["replicas"]) for one in partitions),
        in_sync=min(len(one["isr"]) for one in partitions),
        in_sync_min=in_sync_min.get(described["topic"], 1),
    )


async def _in_sync_min(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers: list[Any] = await admin.describe_configs(asked)
    found: dict[str, int] = {}
    for answer in answers:
        for _code, _message, _sort, name, entries in (one[:5] for one in answer.resources):
            values = {key: value for key, value, *_ in entries}
            found[name] = int(values.get(_IN_SYNC_MIN) or 1)
    return found

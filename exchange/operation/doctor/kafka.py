"""The doctor's look at Kafka: reached, topics as `migrate` makes them, copies in sync."""

from collections.abc import Iterator, Sequence

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.cluster import ClusterView, look
from exchange.bus.kafka.topics import topic_faults
from exchange.operation.doctor.findings import Finding, counted, ok, warn, wrong
from exchange.operation.engines import brokers
from exchange.operation.settings import Settings
from signing.errors import SealwayError


async def check_kafka(settings: Settings) -> list[Finding]:
    """Everything about the brokers."""
    assert settings.kafka is not None
    try:
        cluster = brokers(settings)
        view, faults = await look(cluster), await topic_faults(cluster)
    except SealwayError as error:
        remedy = "start it, or correct [kafka]; meanwhile the database is swept"
        return [wrong("kafka", error.detail, remedy)]
    text = f"{counted(view.brokers, 'broker')} at {settings.kafka.bootstrap}"
    return [ok("kafka", text), *judge_cluster(view, faults, cluster, settings)]


def judge_cluster(
    view: ClusterView, faults: Sequence[str], cluster: Brokers, settings: Settings
) -> Iterator[Finding]:
    """Whether the topics carry what they should, also when a broker is away."""
    assert settings.kafka is not None
    if cluster.sasl_mechanism == "PLAIN" and cluster.tls is None:
        yield warn("kafka", "the password travels in the clear", "set kafka.tls = true")
    for fault in faults:
        yield wrong("topics", fault, "run `sealway migrate`; what is there, Kafka's tools change")
    yield from _copies(view, settings.kafka.copies, settings.kafka.copies_in_sync_min)
    if not faults:
        yield ok("topics", f"all {len(view.topics)} are there")


def _copies(view: ClusterView, copies: int, in_sync_min: int) -> Iterator[Finding]:
    if view.brokers < copies:
        yield wrong(
            "topics",
            f"{counted(view.brokers, 'broker')} can't keep {copies} copies",
            "start more brokers, or lower kafka.copies",
        )
    for topic in view.topics:
        if topic.in_sync < topic.in_sync_min:
            yield wrong(
                "topics",
                f"{topic.name} has {topic.in_sync} in sync and needs {topic.in_sync_min}:"
                " nothing is carried",
                "bring its brokers back; meanwhile the database is swept",
            )
        elif topic.in_sync < topic.copies:
            yield warn("topics", f"{topic.name} is short of copies", "bring its brokers back")
        if topic.copies < copies or topic.in_sync_min < in_sync_min:
            yield warn(
                "topics",
                f"{topic.name} has {topic.copies} copies, {topic.in_sync_min} at least in sync;"
                f" the settings say {copies} and {in_sync_min}",
                "change the topic with Kafka's tools",
            )
    if copies == 1:
        yield warn(
            "topics", "each has one copy", "with three brokers set kafka.copies = 3; until then"
            " a broker's loss costs time, and no message",
        )  # fmt: skip

"""What passes through Kafka, seen with Kafka's own console consumer: headers, and no content."""

from __future__ import annotations

import time
from collections.abc import Sequence

from demonstration.cluster import Cluster
from demonstration.country import TERRITORIES
from demonstration.screen import Screen, shorten

from sealway import Client
from tests.support.kafka_console import Shown

NEEDED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time")
WORDS = ("Finland", "FI-18", "Uusimaa", "person_code", "38001085718", "Jõgisalu")


def show_records(screen: Screen, cluster: Cluster, bus: Client) -> None:
    """A question's record, as whoever watches the topic sees it."""
    kafka = cluster.engines.kafka
    topic = f"{kafka.prefix}.deliver"
    with screen.step("What Kafka carried, seen with its console consumer: headers, sealed") as step:
        asked = bus.ask(TERRITORIES, "subdivisions", {"country": "FI"}, purpose="statistics")
        message_id = asked.exchange.id
        step.out(
            f"ConsoleConsumer --topic {topic} --from-beginning "
            "--formatter-property print.headers=true"
        )
        began_s = time.perf_counter()
        records = kafka.read(topic, lambda shown: any(_is(one, message_id) for one in shown))
        took_s = time.perf_counter() - began_s
        ours = [one for one in records if _is(one, message_id)]
        step.check(ours, f"the question {message_id} is among {len(records)} records")
        for one in ours[:1]:
            step.back("\n".join(f"{name}:{text}" for name, text in one.headers.items()), took_s)
            step.note(
                f"key {one.key}; value {len(one.value)} bytes: {shorten(repr(one.value), 60)}"
            )
            step.check(
                one.headers.get("ce_type") == "sealway.deliver.request"
                and one.headers.get("ce_source") == "sx.example"
                and one.headers.get("ce_subject") == f"{TERRITORIES}/subdivisions",
                "CloudEvents headers: what it is, whose, for whom, which service, where in the log",
                one.headers,
            )
        lacking = [one.headers for one in records if not all(map(one.headers.get, NEEDED))]
        step.check(records and not lacking, "every record has them", lacking[:1])
        legible = _legible([str(one).encode() + one.value for one in records])
        step.check(not legible, "no word of a question or an answer can be read", legible)


def _is(record: Shown, message_id: str) -> bool:
    return record.headers.get("ce_id") == message_id


def _legible(records: Sequence[bytes]) -> list[str]:
    return [word for word in WORDS if any(word.encode() in record for record in records)]

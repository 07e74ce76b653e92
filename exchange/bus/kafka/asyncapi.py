"""docs/asyncapi.json: what passes over Kafka, for whoever reads a topic with tools of their own.

    python -m exchange.bus.kafka.asyncapi > docs/asyncapi.json

Topics, partitions and retention come from `TOPICS`; a test holds the headers against those that
are sent. Describes what may be read; nobody outside the bus writes to these topics.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from exchange.bus.kafka.checkpoints import CHECKPOINT_TOPIC, CHECKPOINT_TYPE
from exchange.bus.kafka.records import CONTENT_TYPE, DEAD_TYPE, DELIVER_TYPE, SIGNAL_TYPE
from exchange.bus.kafka.topics import TOPICS, PlannedTopic
from exchange.bus.port import SignalKind, Topic
from signing.manifest import KINDS

BINDING: Final = "0.5.0"  # of AsyncAPI's Kafka bindings
_ID: Final = {"type": "string", "format": "uuid"}
_SYSTEM: Final = {"type": "string", "examples": ["sx/GOV/2002/civil-registry"]}
_SERVICE: Final = {"type": "string", "examples": ["person-status"]}
_TIME: Final = {"type": "string", "format": "date-time"}
_COUNT: Final = {"type": "string", "pattern": "^[0-9]+$"}
_TEXT: Final = {"type": "string"}

Fields = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Described:
    """One kind of record: its headers beyond the common ones, its key, its value."""

    title: str
    summary: str
    types: tuple[str, ...]
    required: Fields
    optional: Fields
    key: str
    content_type: str
    value: str


_SEALED: Final = CONTENT_TYPE.decode()
RECORDS: Final[Mapping[str, Described]] = {
    Topic.DELIVER.value: Described(
        "Dispatch",
        "The fast path to one delivery: this message waits for this recipient. Its row is the "
        "truth, so a record may be lost, repeated or late.",
        tuple(DELIVER_TYPE + kind for kind in sorted(KINDS)),
        {
            "ce_id": _ID,
            "ce_subject": _TEXT,
            "ce_time": _TIME,
            "ce_recipient": _SYSTEM,
            "ce_shard": _COUNT,
            "ce_index": _COUNT,
        },
        {"ce_service": _SERVICE, "ce_answerby": _TIME, "traceparent": _TEXT, "content-type": _TEXT},
        "The recipient system, so that one process serves a department at a time.",
        _SEALED,
        "The leaf's place, then the delivery form (receipt and frame), encrypted whole under a key "
        "of its own that the bus's epoch key wraps; empty above 256 KiB.",
    ),
    Topic.SIGNAL.value: Described(
        "Signal",
        "A wake-up for whoever waits: an exchange has ended, a mailbox has something, the "
        "directory has a new version. Never the only way to learn it.",
        tuple(SIGNAL_TYPE + kind for kind in SignalKind),
        {"ce_id": _TEXT},
        {
            "ce_subject": _TEXT,
            "ce_message": _ID,
            "ce_recipient": _SYSTEM,
            "ce_service": _SERVICE,
            "ce_version": _COUNT,
            "traceparent": _TEXT,
            "content-type": _TEXT,
        },
        "The recipient, else the message, else the kind.",
        _SEALED,
        "A small answer, its leaf's place before its delivery form, encrypted whole; else empty.",
    ),
    Topic.DEAD.value: Described(
        "DeadLetter",
        "A copy for tools: a delivery was given up and waits for a person. No content.",
        (DEAD_TYPE,),
        {
            "ce_id": _ID,
            "ce_subject": _TEXT,
            "ce_time": _TIME,
            "ce_recipient": _SYSTEM,
            "ce_cause": _TEXT,
        },
        {"ce_service": _SERVICE, "traceparent": _TEXT},
        "The message.",
        "application/octet-stream",
        "Empty.",
    ),
    CHECKPOINT_TOPIC: Described(
        "Checkpoint",
        "How far a log has been signed; the highest counts. Verify it with the log's own key.",
        (CHECKPOINT_TYPE,),
        {"ce_id": _TEXT, "ce_subject": _TEXT, "content-type": _TEXT},
        {"ce_time": _TIME},
        "The log's origin.",
        "text/plain; charset=utf-8",
        "The checkpoint as a signed note (C2SP tlog-checkpoint).",
    ),
}
"""What each topic carries."""


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document."""
    planned = {topic.name: topic for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sealway on Kafka",
            "version": "1",
            "description": "CloudEvents 1.0 in binary mode: all of the meaning stands in headers. "
            "Topics begin with `sealway` unless the settings name another prefix. Losing all of "
            "it loses nothing: the database holds the truth.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _SEALED,
        "channels": {name: _channel(planned[name], one) for name, one in RECORDS.items()},
        "operations": {
            f"read{one.title}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": one.summary,
                "messages": [{"$ref": f"#/channels/{name}/messages/{one.title}"}],
            }
            for name, one in RECORDS.items()
        },
        "components": {"messages": {one.title: _message(one) for one in RECORDS.values()}},
    }


def _channel(topic: PlannedTopic, record: Described) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if "cleanup.policy" in topic.settings:
        settings["cleanup.policy"] = [topic.settings["cleanup.policy"]]
    if "retention.ms" in topic.settings:
        settings["retention.ms"] = int(topic.settings["retention.ms"])
    kafka = {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": settings,
        "bindingVersion": BINDING,
    }
    return {
        "address": topic.name,
        "messages": {record.title: {"$ref": f"#/components/messages/{record.title}"}},
        "bindings": {"kafka": kafka},
    }


def _message(record: Described) -> dict[str, Any]:
    common = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_source": {"type": "string", "description": "The bus's name."},
        "ce_type": {"type": "string", "enum": list(record.types)},
    }
    return {
        "name": record.title,
        "title": record.title,
        "summary": record.summary,
        "contentType": record.content_type,
        "headers": {
            "type": "object",
            "properties": {**common, **record.required, **record.optional},
            "required": [*common, *record.required],
        },
        "payload": {"type": "string", "format": "binary", "description": record.value},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": record.key},
                "bindingVersion": BINDING,
            }
        },
    }


def main() -> None:
    """Print the document."""
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")


if __name__ == "__main__":
    main()

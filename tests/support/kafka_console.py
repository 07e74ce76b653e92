"""Kafka's own console consumer: what a topic shows to whoever has no part of Sealway."""

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.kafka_broker import tool

CONSUMER: Final = "org.apache.kafka.tools.consumer.ConsoleConsumer"
READ_S: Final = 60.0
_END: Final = "\n-- end of record --\n"  # a sealed value may hold any byte, and so a line's end


@dataclass(frozen=True)
class Shown:
    """One record as it was printed."""

    headers: dict[str, str]
    key: str
    value: bytes


def console_consumer(jars: Path, bootstrap: str, topic: str) -> list[str]:
    """The command that prints a topic from its beginning, with headers, keys and values."""
    command = tool(jars, CONSUMER, "--bootstrap-server", bootstrap, "--topic", topic)
    shown = ("print.headers=true", "print.key=true", "print.value=true", f"line.separator={_END}")
    formatter = (word for one in shown for word in ("--formatter-property", one))
    return [*command, "--from-beginning", *formatter]


def read_topic(
    jars: Path,
    bootstrap: str,
    topic: str,
    enough: Callable[[Sequence[Shown]], bool],
    within_s: float = READ_S,
) -> list[Shown]:
    """What the consumer prints until it is `enough`, or `within_s` are over.

    Raises:
        RuntimeError: it ended by itself; with its last words.
    """
    consumer = subprocess.Popen(
        console_consumer(jars, bootstrap, topic), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        return _read(consumer, enough, time.monotonic() + within_s)
    finally:
        consumer.kill()
        consumer.communicate()


def _read(
    consumer: "subprocess.Popen[bytes]", enough: Callable[[Sequence[Shown]], bool], until_s: float
) -> list[Shown]:
    assert consumer.stdout is not None
    assert consumer.stderr is not None
    printed, shown = b"", list[Shown]()
    with selectors.DefaultSelector() as selector:
        selector.register(consumer.stdout, selectors.EVENT_READ)
        while not enough(shown) and (left_s := until_s - time.monotonic()) > 0:
            if selector.select(left_s):
                data = os.read(consumer.stdout.fileno(), 65_536)
                if not data:
                    raise RuntimeError(f"the consumer ended: {consumer.stderr.read()[-600:]!r}")
                *records, printed = (printed + data).split(_END.encode())
                shown += map(_parsed, records)
    return shown


def _parsed(record: bytes) -> Shown:
    """A record as it is printed: headers, key and value with tabs between."""
    headers, key, value = record.split(b"\t", 2)
    pairs = (pair.partition(":") for pair in headers.decode().split(","))
    return Shown({name: text for name, _, text in pairs}, key.decode(), value)

"""Kafka's own console consumer: what a topic shows to whoever has no part of Sealway."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.kafka_broker import tool

CONSUMER: Final = "org.apache.kafka.tools.consumer.ConsoleConsumer"
IDLE_MS: Final = 3_000
_END: Final = "\n-- end of record --\n"  # a sealed value may hold any byte, and so a line's end


@dataclass(frozen=True)
class Shown:
    """One record as it was printed."""

    headers: dict[str, str]
    key: str
    value: bytes


def console_consumer(jars: Path, bootstrap: str, topic: str, *words: str) -> list[str]:
    """The command that prints a topic from its beginning, with headers, keys and values."""
    command = tool(jars, CONSUMER, "--bootstrap-server", bootstrap, "--topic", topic)
    command += ["--from-beginning", "--timeout-ms", str(IDLE_MS), *words]
    shown = ("print.headers=true", "print.key=true", "print.value=true", f"line.separator={_END}")
    return [*command, *(word for one in shown for word in ("--formatter-property", one))]


def read_topic(jars: Path, bootstrap: str, topic: str) -> list[Shown]:
    """What the consumer prints until nothing more comes."""
    command = console_consumer(jars, bootstrap, topic)
    run = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if run.returncode != 0:
        raise RuntimeError(f"the console consumer ended with {run.returncode}: {run.stderr!r}")
    return list(parse(run.stdout))


def parse(printed: bytes) -> Iterator[Shown]:
    """The records of what was printed; a record is `headers TAB key TAB value`."""
    for record in printed.split(_END.encode())[:-1]:
        headers, key, value = record.split(b"\t", 2)
        pairs = (pair.partition(":") for pair in headers.decode().split(","))
        yield Shown({name: text for name, _, text in pairs}, key.decode(), value)

"""The whole look, in an order in which the first wrong thing is most often the cause."""

from collections.abc import Callable, Iterator
from typing import Any

from exchange.operation.doctor.anchors import check_anchors
from exchange.operation.doctor.database import check_database
from exchange.operation.doctor.files import (
    check_certificates,
    check_keys,
    check_marks,
    check_packages,
    check_room,
    read_marks,
)
from exchange.operation.doctor.findings import Finding
from exchange.operation.doctor.kafka import check_kafka
from exchange.operation.doctor.sqlite import check_file
from exchange.operation.settings import Settings, redacted
from signing.errors import SealwayError


async def examine(settings: Settings, clock: Callable[[], int]) -> list[Finding]:
    """Look at everything these settings name; raises nothing that one could put right."""
    findings = [
        *check_packages(),
        *check_keys(settings),
        *check_certificates(settings, clock()),
        *check_marks(settings),
        *check_room(settings),
        *check_anchors(settings),
    ]
    try:
        marks = read_marks(settings)
    except SealwayError:  # told above
        marks = ()
    if settings.database is None:
        return [*findings, *check_file(settings, marks)]
    findings += await check_database(settings, marks, clock)
    if settings.kafka is not None:
        findings += await check_kafka(settings)
    return findings


def told_settings(settings: Settings, *, with_defaults: bool) -> dict[str, Any]:
    """The settings by dotted key, without secrets; those alone that were set, unless asked."""
    shown = dict(_flat(redacted(settings)))
    if with_defaults:
        return shown
    chosen = dict(_flat(settings.model_dump(mode="json", exclude_defaults=True)))
    return {key: value for key, value in shown.items() if key in chosen}


def _flat(table: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value

"""The work of `sealway migrate`: everything a bus needs before its processes start, made once.

Owns the order: tables, partitions, topics, logs with their keys. Each step says what it made and
what was there already; repeating them is harmless, and so is a second machine that does the same.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from exchange.bus.kafka.cluster import look as look_at_cluster
from exchange.bus.kafka.topics import TOPICS, create_topics, topic_faults
from exchange.operation.doctor.findings import counted
from exchange.operation.engines import brokers, database_address
from exchange.operation.key_files import log_key_name
from exchange.operation.preparing import open_successor, prepare_logs
from exchange.operation.settings import Settings, SettingsInvalid
from exchange.operation.starting import until_reached
from exchange.storage.migrations import migrate
from exchange.storage.postgres.look import look


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked after; `is_wrong` when a person has to."""

    about: str
    text: str
    is_new: bool = False
    is_wrong: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


async def migrate_bus(settings: Settings, now_ms: int, reason: str | None) -> AsyncIterator[Step]:
    """Carry out the steps, one after the other; with a `reason`, go on from an older copy.

    Raises:
        SettingsInvalid: a file or a number that can't be used.
        StorageForeign, StorageInUse: the database is another bus's, or served as a file.
        StorageUnavailable, BusLost: an engine can't be reached.
        LogBehind: the database is an older copy, and no reason was given.
        NothingToRestore: a reason was given, and it isn't.
    """
    if settings.database is not None:
        await until_reached(settings)
    yield await _schema(settings, now_ms)
    if settings.database is not None:
        yield await _partitions(settings, now_ms)
    if settings.kafka is not None:
        async for step in _topics(settings):
            yield step
    before = _log_keys(settings)
    logs = await (_prepared(settings) if reason is None else _succeeded(settings, reason))
    yield _keys(settings, before)
    yield logs


async def _schema(settings: Settings, now_ms: int) -> Step:
    target = settings.data if settings.database is None else database_address(settings)
    done = await migrate(target, settings.bus, settings.instance, now_ms)
    facts = {"before": done.before, "now": done.now}
    if done.before == done.now:
        return Step("schema", f"version {done.now}, as before", facts=facts)
    was = "no tables before" if done.before is None else f"version {done.before} before"
    return Step("schema", f"version {done.now} now; {was}", is_new=True, facts=facts)


async def _partitions(settings: Settings, now_ms: int) -> Step:
    view = await look(database_address(settings), lambda: now_ms)
    text = f"there for {view.days_ahead} days after today"
    return Step("partitions", text, facts={"days_ahead": view.days_ahead})


async def _topics(settings: Settings) -> AsyncIterator[Step]:
    assert settings.kafka is not None
    cluster = brokers(settings)
    view = await look_at_cluster(cluster)
    if view.brokers < settings.kafka.copies and len(view.topics) < len(TOPICS):
        there, copies = counted(view.brokers, "broker"), settings.kafka.copies
        what = (
            f"Kafka has {there} and can't keep {copies} copies;"
            " start more, or set kafka.copies and kafka.copies_in_sync_min."
        )
        raise SettingsInvalid([what])
    made = await create_topics(
        cluster,
        copies=settings.kafka.copies,
        copies_in_sync_min=settings.kafka.copies_in_sync_min,
    )
    text = f"made {', '.join(sorted(made))}" if made else f"all {len(TOPICS)} are there"
    yield Step("topics", text, is_new=bool(made), facts={"made": sorted(made)})
    for fault in await topic_faults(cluster):
        yield Step("topics", fault, is_wrong=True)


def _log_keys(settings: Settings) -> set[str]:
    return {path.name for path in settings.keys.glob(log_key_name("*"))}


def _keys(settings: Settings, before: set[str]) -> Step:
    there = _log_keys(settings)
    made = sorted(there - before)
    text = f"made {', '.join(made)}" if made else f"all {len(there)} are there"
    return Step("keys", text, is_new=bool(made), facts={"made": made})


async def _prepared(settings: Settings) -> Step:
    logs = await prepare_logs(settings)
    text = f"opened {_ranges(logs.opened)}" if logs.opened else "all are open"
    facts = {"opened": list(logs.opened), "log_key": logs.log_key}
    return Step("logs", text, is_new=bool(logs.opened), facts=facts)


async def _succeeded(settings: Settings, reason: str) -> Step:
    new = await open_successor(settings, reason)
    facts = {
        "origin": new.origin,
        "log_key": new.key,
        "closed_key": new.closed_key,
        "closed": new.closed,
        "size_signed": new.size_signed,
        "size_found": new.size_found,
        "opened": list(new.opened),
    }
    text = (
        f"{new.origin} takes the place of {new.closed}, signed at {new.size_signed} leaves and"
        f" found at {new.size_found}; opened {_ranges(new.opened)}"
    )
    return Step("logs", text, is_new=True, facts=facts)


def _ranges(numbers: tuple[int, ...]) -> str:
    """Log numbers in few words: ``1–16``, ``3, 7``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)

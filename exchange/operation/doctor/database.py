"""The doctor's look at PostgreSQL: reached, durable, ours, in time, and who writes which log."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from exchange.ledger.marks import Mark
from exchange.operation.doctor.findings import Finding, ok, warn, wrong
from exchange.operation.engines import database_address, database_place, is_local
from exchange.operation.key_files import log_key_name
from exchange.operation.settings import Settings
from exchange.storage.migrations.owner import SCHEMA_VERSION
from exchange.storage.postgres.look import DatabaseView, LogView, look
from exchange.storage.postgres.schema import SERVER_MIN
from signing.errors import SealwayError

APART_WARN_MS: Final = 1_000
APART_WRONG_MS: Final = 60_000  # of the 5 min that clocks of systems may be apart
PROCESSES_MIN: Final = 4  # two gateways, two deliverers
BEHIND_MAX: Final = 10_000  # entries that the bus hasn't been told of
MIGRATE: Final = "run `sealway migrate`"


async def check_database(
    settings: Settings, marks: Sequence[Mark], clock: Callable[[], int]
) -> list[Finding]:
    """Everything about the database. `marks` were read before, so that they are the older ones."""
    try:
        address, place = database_address(settings), database_place(settings)
        view = await look(address, clock)
    except SealwayError as error:
        return [wrong("database", error.detail, "start it, or correct [database]")]
    return [
        ok(
            "database",
            f"PostgreSQL {view.version} at {place}, {view.round_trip_ms:.1f} ms away",
        ),
        *judge_server(view, settings, is_on_this_machine=is_local(address)),
        *judge_schema(view, settings),
        *(judge_logs(view, settings, marks) if view.schema is not None else ()),
    ]


def judge_server(
    view: DatabaseView, settings: Settings, *, is_on_this_machine: bool
) -> Iterator[Finding]:
    """Whether the server keeps what it says it keeps, and lets us work."""
    assert settings.database is not None
    if view.server_number < SERVER_MIN:
        yield wrong("database", "this PostgreSQL is too old", "use version 14 or later")
    if view.is_standby:
        yield wrong("database", "this is a standby: it only reads", "name the primary in the url")
    yield from _durability(view)
    if not view.is_encrypted and not is_on_this_machine:
        yield warn("database", "the connection isn't encrypted", "add ?sslmode=verify-full")
    if view.connections_max < PROCESSES_MIN * settings.database.connections_max:
        room = view.connections_max // settings.database.connections_max
        yield warn(
            "database",
            f"its {view.connections_max} connections are enough for {room} processes",
            "raise max_connections, or lower database.connections_max",
        )
    yield _clock(view)


def _durability(view: DatabaseView) -> Iterator[Finding]:
    bad = [name for name in ("fsync", "full_page_writes") if view.durability[name] != "on"]
    told = ", ".join(f"{name}={value}" for name, value in view.durability.items())
    if bad or view.durability["synchronous_commit"] == "off":
        yield wrong(
            "durability", f"a power cut loses receipted messages: {told}", "turn all of them on"
        )
    else:
        standby = "a synchronous standby" if view.standbys else "no synchronous standby"
        yield ok("durability", f"{told}, {standby}")


def _clock(view: DatabaseView) -> Finding:
    apart = abs(view.clock_apart_ms)
    text = f"the database's is {apart} ms {'ahead' if view.clock_apart_ms > 0 else 'behind'}"
    if apart > APART_WARN_MS:
        judge = wrong if apart > APART_WRONG_MS else warn
        return judge("clock", text, "set both machines by NTP")
    return ok("clock", text)


def judge_schema(view: DatabaseView, settings: Settings) -> Iterator[Finding]:
    """Whether the tables are ours, of this version, and ready for tomorrow."""
    if view.schema is None:
        yield wrong("schema", "there are no tables yet", MIGRATE)
        return
    if (view.bus, view.instance) != (settings.bus, settings.instance):
        yield wrong(
            "schema",
            f"the database belongs to bus {view.bus} (instance {view.instance})",
            "name another database, or correct `bus`",
        )
    if view.schema != SCHEMA_VERSION:
        newer = "install the newer Sealway here"
        yield wrong(
            "schema",
            f"it is {view.schema}, this version needs {SCHEMA_VERSION}",
            MIGRATE if view.schema < SCHEMA_VERSION else newer,
        )
    else:
        yield ok("schema", f"version {view.schema}")
    days = f"there are partitions for {view.days_ahead} days after today"
    if view.days_ahead < 1:
        yield wrong("partitions", f"{days}: tomorrow nothing is accepted", MIGRATE)
    elif view.days_ahead < 3:
        yield warn("partitions", days, f"start a deliverer, or {MIGRATE}")
    else:
        yield ok("partitions", days)


def judge_logs(view: DatabaseView, settings: Settings, marks: Sequence[Mark]) -> Iterator[Finding]:
    """Who writes which log, what is left behind, whether the database is an older copy."""
    yield from _behind(view.logs, marks)
    traffic = [log for log in view.logs if log.shard > 0]
    is_open = [log for log in traffic if log.state == "open"]
    if not any(log.state == "open" for log in view.logs if log.shard <= 0):
        remedy = MIGRATE
        if any(log.shard <= 0 for log in view.logs):
            remedy = "put back the newer database, or run `sealway migrate --after-restore`"
        yield wrong("logs", "no directory log is open: nothing is accepted", remedy)
    if not is_open:
        yield wrong("logs", "no traffic log is open", MIGRATE)
    for log in traffic:
        if log.state == "frozen":
            yield warn("logs", f"{log.origin} is frozen", "keep it as evidence; look for the cause")
    yield from _left(is_open)
    yield from _keyless(is_open, settings)
    held = sum(log.is_held for log in is_open)
    yield ok("logs", f"{len(is_open)} are open, {held} of them held by a process")


def _behind(logs: Sequence[LogView], marks: Sequence[Mark]) -> Iterator[Finding]:
    sizes = {log.origin: log.size for log in logs if log.state == "open"}
    for mark in marks:
        if mark.size > sizes.get(mark.origin, mark.size):
            yield wrong(
                "logs",
                f"{mark.origin} was signed at {mark.size} leaves, the database has"
                f" {sizes[mark.origin]}: it is an older copy",
                "put back the newer database, or run `sealway migrate --after-restore`",
            )


def _left(logs: Sequence[LogView]) -> Iterator[Finding]:
    left = [log for log in logs if min(log.note_size, log.relayed_to) < log.size]
    orphans = [log.origin for log in left if not log.is_held]
    if orphans:
        yield warn(
            "logs",
            f"{', '.join(orphans[:3])} ended with leaves that nobody signed or relayed",
            "start a process: within seconds it takes them over",
        )
    waiting = sum(log.size - log.relayed_to for log in logs)
    if waiting > BEHIND_MAX:
        yield warn("logs", f"{waiting} entries wait for the bus", "look whether Kafka is reached")


def _keyless(logs: Sequence[LogView], settings: Settings) -> Iterator[Finding]:
    missing = [
        log.origin for log in logs if not (settings.keys / log_key_name(str(log.shard))).exists()
    ]
    if missing:
        yield warn(
            "logs",
            f"{len(missing)} open logs have no key here, as {missing[0]}: no process of this"
            " machine can hold them",
            "copy their keys here from where they were made",
        )

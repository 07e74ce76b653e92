"""The doctor's look at the SQLite file: whose, of which schema, whether an older copy."""

from collections.abc import Iterator, Sequence

from exchange.ledger.marks import Mark
from exchange.operation.doctor.findings import Finding, ok, wrong
from exchange.operation.settings import Settings
from exchange.storage.migrations.owner import SCHEMA_VERSION
from exchange.storage.sqlite.look import look
from signing.errors import SealwayError


def check_file(settings: Settings, marks: Sequence[Mark]) -> Iterator[Finding]:
    """Everything about the file; a bus that runs meanwhile isn't disturbed."""
    try:
        view = look(settings.data)
    except SealwayError as error:
        yield wrong("database", error.detail, "put back the newest copy of the data folder")
        return
    if view is None:
        yield ok("database", "there is none yet: the first start makes it")
        return
    if (view.bus, view.instance) != (settings.bus, settings.instance):
        yield wrong("database", f"it belongs to bus {view.bus}", "correct `data` or `bus`")
    if view.schema != SCHEMA_VERSION:
        yield wrong(
            "database",
            f"its schema is {view.schema}, this version needs {SCHEMA_VERSION}",
            "stop the bus and run `sealway migrate`",
        )
    yield ok("database", f"SQLite {view.version}, schema {view.schema}, {len(view.sizes)} logs")
    for mark in marks:
        size = view.sizes.get(mark.origin)
        if size is not None and size < mark.size:
            yield wrong(
                "logs",
                f"{mark.origin} was signed at {mark.size} leaves, the file has {size}:"
                " it is an older copy",
                "put back the newer one, or run `sealway migrate --after-restore`",
            )

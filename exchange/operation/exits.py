"""How a verb of the server ends when it can't do its work: one line, and the exit code that fits.

Exit codes as of every verb: 0 yes, 1 no, 3 settings or usage, 4 not reachable.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from exchange.bus.port import BusLost
from exchange.storage.errors import StorageInDoubt, StorageUnavailable
from signing.errors import SealwayError

YES: Final = 0
NO: Final = 1
SETTINGS: Final = 3
NOT_REACHABLE: Final = 4
_AWAY: Final = (StorageUnavailable, StorageInDoubt, BusLost)


@contextmanager
def told(
    verb: str, *, as_json: bool = False, no: tuple[type[SealwayError], ...] = ()
) -> Iterator[None]:
    """Turn what the verb raises into one line on standard error; with `as_json`, one document.

    Errors in `no` are an answer, and no mistake: exit 1.
    """
    try:
        yield
    except SealwayError as error:
        code = NO if isinstance(error, no) else SETTINGS
        code = NOT_REACHABLE if isinstance(error, _AWAY) else code
        _end(verb, error.code, error.detail, code, as_json=as_json)
    except OSError as error:
        what = f"{error.filename or 'A file or a port'} can't be used ({error.strerror})."
        _end(verb, "settings-invalid", what, SETTINGS, as_json=as_json)


def _end(verb: str, name: str, detail: str, code: int, *, as_json: bool) -> None:
    outcome = {NO: "refused", NOT_REACHABLE: "bus-not-reachable"}.get(code, "invalid")
    if as_json:
        click.echo(json.dumps({"outcome": outcome, "code": name, "detail": detail}))
    else:
        click.echo(f"sealway {verb}: {detail}", err=True)
    raise SystemExit(code)

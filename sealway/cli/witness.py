"""`sealway witness`: new, show, serve, poll."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.session import clock, examples, json_option, outside

if TYPE_CHECKING:
    from sealway.witness.core import Witness
    from sealway.witness.polling import Round
    from sealway.witness.settings import WitnessSettings
    from sealway.witness.state import Cosigned

YES: Final = 0
FALSE: Final = 1
CANNOT_TELL: Final = 2
NOT_REACHABLE: Final = 4

_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.group
def witness() -> None:
    """Cosign logs that you have seen grow, so that nobody can be shown another history."""


@witness.command
@_folder
@click.option("--name", required=True, help="What stands in cosignatures: an address, no scheme.")
@json_option
@examples("sealway witness new witness --name witness.fisheries.example/w1")
def new(folder: Path, name: str, as_json: bool) -> int:
    """Make the folder of a new witness: key (readable by you alone), settings, empty state.

    Prints the verifier key to give to the operator and to auditors. Then add the logs to
    DIR/witness.toml. Files that exist are never written over.
    """
    from sealway.cli.output import print_json, print_object
    from sealway.witness.settings import make_witness

    key = make_witness(folder, name)
    (print_json if as_json else print_object)({"folder": str(folder), "key": str(key)})
    return YES


@witness.command
@_folder
@json_option
@examples(
    "sealway witness show witness", "sealway witness show witness --json | jq -r .logs[0].note"
)
def show(folder: Path, as_json: bool) -> int:
    """The witness's verifier key, and what it cosigned last of each log."""
    from sealway.cli.output import clean, print_json

    with _opened(folder) as (settings, opened, key):
        latest = {log.key.name: opened.latest(log.key.name) for log in settings.logs}
    if as_json:
        logs = [{"origin": origin, **_described(found)} for origin, found in latest.items()]
        print_json({"key": key, "logs": logs})
        return YES
    print(clean(key))
    for origin, found in latest.items():
        print(clean(f"\n{found.note}" if found else f"\n{origin}: nothing was cosigned\n"), end="")
    return YES


@witness.command
@_folder
@click.option("--listen", metavar="HOST:PORT", help="Instead of what witness.toml says.")
@examples("sealway witness serve witness", "sealway witness serve witness --listen 127.0.0.1:8791")
def serve(folder: Path, listen: str | None) -> int:
    """Answer `add-checkpoint` calls (C2SP tlog-witness) until stopped.

    POST /add-checkpoint takes a checkpoint with the proof that it extends the last one cosigned;
    GET /<SHA-256 of the log's origin, in hex>/checkpoint shows that one. Put a proxy that ends TLS
    in front.
    """
    from sealway.cli.output import note
    from sealway.witness.serving import WitnessServer
    from sealway.witness.settings import parse_listen

    with _opened(folder) as (settings, opened, key):
        try:
            address = parse_listen(listen) if listen else settings.listen
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--listen") from error
        for log in settings.logs:
            opened.latest(log.key.name)  # what can't be read is said now
        with WitnessServer(address, opened) as server:
            _stop_on_signals(server.shutdown)
            host, port = server.server_address[:2]
            note(f"{key}\nserving {len(settings.logs)} logs on {host!s}:{port}")
            server.serve_forever()
    return YES


@witness.command
@_folder
@click.option("--once", is_flag=True, help="One round, then end with what it found.")
@click.option("--keep", is_flag=True, help="Keep cosignatures here; don't bring them to the bus.")
@json_option
@examples(
    "sealway witness poll witness --once",
    "sealway witness poll witness",
    "sealway witness poll witness --keep",
)
def poll(folder: Path, once: bool, keep: bool, as_json: bool) -> int:
    """Look at each log of witness.toml that has a url, and cosign what extends the last one.

    For a witness that only talks outward. It fetches checkpoint and tiles, proves consistency
    itself, keeps the cosigned note in DIR/state, brings it to the bus (POST URL/cosignatures) and
    prints it. Runs until stopped, or --once. `deliver = false` in witness.toml is as --keep.

    \b
    Exit codes: 0 all cosigned, 1 a log is false, 2 a log is behind or the bus refused a
    cosignature, 3 usage, 4 not reachable.
    """
    stopped = threading.Event()
    with _opened(folder) as (settings, opened, _):
        if not any(log.url for log in settings.logs):
            raise click.UsageError("no [[log]] of witness.toml has a url")
        if not once:
            _stop_on_signals(stopped.set)
        worst = YES
        while not stopped.is_set():
            rounds = list(_round(settings, opened, stopped, delivers=settings.deliver and not keep))
            _tell(rounds, as_json=as_json)
            worst = _exit_code(rounds)
            if once:
                break
            stopped.wait(settings.every_s)
    return worst if once else YES


def _round(
    settings: WitnessSettings, opened: Witness, stopped: threading.Event, *, delivers: bool
) -> Iterator[Round]:
    from sealway.witness.delivering import deliver
    from sealway.witness.fetching import PublishedLog
    from sealway.witness.polling import poll_once

    for log in settings.logs:
        if log.url is None or stopped.is_set():
            continue
        published = PublishedLog(log.url, outside().transport, time.sleep)
        try:
            one = poll_once(opened, log.key, published)
            yield deliver(one, log.url, outside().transport) if delivers else one
        finally:
            published.close()


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[WitnessSettings, Witness, str]]:
    from sealway.witness.core import Witness
    from sealway.witness.settings import load_cosigner, load_settings
    from sealway.witness.state import WitnessState

    settings = load_settings(folder)
    cosigner, now = load_cosigner(settings), clock()
    state = WitnessState(settings.state, cosigner.verifier)
    keys = {log.key.name: log.key for log in settings.logs}
    try:
        opened = Witness(cosigner, keys, state, lambda: now.now_ms() // 1000)
        yield settings, opened, str(cosigner.verifier)
    finally:
        state.close()


def _stop_on_signals(stop: Any) -> None:
    """SIGINT and SIGTERM end the verb cleanly: what is being kept is kept."""

    def ask(signum: int, frame: object) -> None:
        threading.Thread(target=stop, daemon=True).start()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, ask)
        signal.signal(signal.SIGTERM, ask)


def _described(found: Cosigned | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"size": found.checkpoint.size, "time": found.time_s, "note": found.note}


def _tell(rounds: list[Round], *, as_json: bool) -> None:
    """Each round as one line of JSON, or the cosigned note; what went wrong to standard error."""
    import json

    from sealway.cli.output import clean, note
    from sealway.witness.polling import Outcome

    for one in rounds:
        if as_json:
            told = {"origin": one.origin, "outcome": one.outcome.value, "text": one.text}
            told |= {"delivery": one.delivery} if one.delivery else {}
            print(json.dumps({**told, **_described(one.cosigned)}), flush=True)
            continue
        if one.text:
            note(clean(f"{one.delivery or one.outcome.value}: {one.origin}: {one.text}"))
        if one.cosigned is not None and one.outcome is Outcome.COSIGNED:
            print(clean(one.cosigned.note), end="", flush=True)


def _exit_code(rounds: list[Round]) -> int:
    from sealway.witness.delivering import Delivery
    from sealway.witness.polling import Outcome

    found = {one.outcome for one in rounds}
    brought = {one.delivery for one in rounds}
    if Outcome.FALSE in found:
        return FALSE
    if Outcome.BEHIND in found or Delivery.REFUSED.value in brought:
        return CANNOT_TELL
    if Outcome.UNREACHABLE in found or Delivery.UNREACHABLE.value in brought:
        return NOT_REACHABLE
    return YES

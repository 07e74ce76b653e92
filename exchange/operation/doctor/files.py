"""The doctor's look at what lies on this machine: packages, keys, certificates, marks, room.

Invariant: no key's bytes and no token stand in a finding.
"""

import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from exchange.ledger.marks import Mark, Marks
from exchange.operation.doctor.findings import Finding, counted, ok, warn, wrong
from exchange.operation.founder import TOKEN_FILE, load_founder
from exchange.operation.initialise import MARKS
from exchange.operation.key_files import (
    is_open_to_others,
    load_bus_signer,
    load_epoch_keys,
    load_log_signer,
    load_signer,
    log_key_name,
)
from exchange.operation.settings import Settings
from signing.certificates import ParsedCertificate
from signing.encoding import format_time
from signing.errors import SealwayError

PACKAGES: Final = ("exchange", "adapters", "sealway", "registry", "schemas", "signing")
DAY_MS: Final = 86_400_000
EXPIRY_DAYS: Final = 30  # a new certificate needs a person or two
FREE_WARN: Final = 5 * 1024**3  # some hundred thousand messages
FREE_WRONG: Final = 256 * 1024**2
MEBIBYTE: Final = 1024**2


def check_packages(home: Path | None = None) -> Iterator[Finding]:
    """Whether each of our generic names leads to us, and not to a folder of the same name."""
    ours = home or Path(__file__).resolve().parents[3]
    for name in PACKAGES:
        spec = find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec else []
        if [Path(place).resolve() for place in places] != [ours / name]:
            where = ", ".join(places) or "nowhere"
            yield wrong(
                "packages",
                f"{name} comes from {where}, not from Sealway in {ours}",
                "start in another folder, set PYTHONSAFEPATH=1, or take the other package away",
            )
            return
    yield ok("packages", f"all six are Sealway's, in {ours}")


def check_keys(settings: Settings) -> Iterator[Finding]:
    """Whether private keys load, and are their owner's alone."""
    yield from _permissions(settings)
    missing: list[str] = []
    try:
        epochs = load_epoch_keys(settings.keys)
        for log in ("0", *map(str, range(1, settings.logs_wanted + 1))):
            if log == "0" or (settings.keys / log_key_name(log)).exists():
                load_log_signer(settings.keys, settings.bus, log)
            else:
                missing.append(log_key_name(log))
    except SealwayError as error:
        yield wrong("keys", error.detail, "put it back from where keys are kept apart from data")
        return
    if missing:
        yield warn(
            "keys",
            f"{len(missing)} of {settings.logs_wanted} traffic logs have no key here, from"
            f" {missing[0]} on",
            "run `sealway migrate`, or copy the keys here from another machine of this bus",
        )
    logs = settings.logs_wanted - len(missing)
    yield ok("keys", f"log 0, {counted(logs, 'traffic log')}, epoch {epochs.current}")


def _permissions(settings: Settings) -> Iterator[Finding]:
    for path in _private_files(settings):
        try:
            is_open = path.exists() and is_open_to_others(path)
        except OSError:  # whoever needs it says so
            continue
        if is_open:
            yield warn("keys", f"{path} may be read by others on this machine", f"chmod 600 {path}")


def _private_files(settings: Settings) -> Iterator[Path]:
    if settings.keys.is_dir():
        yield from sorted(path for path in settings.keys.iterdir() if not _is_certificate(path))
    yield settings.folder / TOKEN_FILE
    yield from (files.key for files in settings.hosted.values())
    if settings.database is not None and settings.database.url_file is not None:
        yield settings.database.url_file
    if settings.kafka is not None:
        files = (settings.kafka.key_file, settings.kafka.sasl_password_file)
        yield from (path for path in files if path is not None)


def _is_certificate(path: Path) -> bool:
    """Whether the file holds certificates and nothing else: those are for everybody."""
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return text.startswith(b"-----BEGIN CERTIFICATE-----") and b"PRIVATE KEY" not in text


def check_certificates(settings: Settings, now_ms: int) -> Iterator[Finding]:
    """Whether the bus's certificate, hosted systems' and the founder's token still count."""
    try:
        yield _expiry("certificate", "the bus's", load_bus_signer(settings.keys)[1], now_ms)
    except SealwayError as error:
        yield wrong("certificate", error.detail, "put the bus's key and certificate back")
    for system, files in settings.hosted.items():
        try:
            certificate = load_signer(files.key, files.certificate)[1]
            yield _expiry("certificate", f"of {system}", certificate, now_ms)
        except SealwayError as error:
            yield wrong("certificate", error.detail, f"correct [hosted.{system!r}] or the files")
    if settings.founder_counts:
        yield from _founder(settings, now_ms)


def _expiry(about: str, whose: str, certificate: ParsedCertificate, now_ms: int) -> Finding:
    until = format_time(certificate.not_after_ms)
    renew = "make a new certificate, and add it to the directory before this one ends"
    if not certificate.not_before_ms <= now_ms < certificate.not_after_ms:
        return wrong(about, f"{whose} doesn't count now; it ends {until}", renew)
    if certificate.not_after_ms - now_ms < EXPIRY_DAYS * DAY_MS:
        return warn(about, f"{whose} ends {until}", renew)
    return ok(about, f"{whose} ends {until}")


def _founder(settings: Settings, now_ms: int) -> Iterator[Finding]:
    renew = "make a new one: `sealway init --renew-founder`; or set policy.founder = false"
    try:
        founder = load_founder(settings.keys)
    except SealwayError as error:
        yield wrong("founder", error.detail, renew)
        return
    if founder is None or founder.expires_ms <= now_ms:
        yield warn("founder", "the founder's token has ended, or there is none", renew)
    else:
        yield ok("founder", f"the token counts until {format_time(founder.expires_ms)}")


def read_marks(settings: Settings) -> Sequence[Mark]:
    """How far each log was signed on this machine. Raises MarksDamaged."""
    marks = Marks(settings.state / MARKS)
    try:
        return marks.all()
    finally:
        marks.close()


def check_marks(settings: Settings) -> Iterator[Finding]:
    """Whether the signer's file can be read."""
    try:
        marks = read_marks(settings)
    except SealwayError as error:
        yield wrong("marks", error.detail, "put the file back; never an older one from a backup")
        return
    signed = sum(mark.size for mark in marks)
    yield ok("marks", f"{counted(len(marks), 'log')} signed here, {signed} leaves in all")


def check_room(settings: Settings) -> Iterator[Finding]:
    """Whether there is room for data and marks."""
    for folder in dict.fromkeys((settings.data, settings.state)):
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            yield wrong("room", f"{folder} can't be looked at ({error.strerror})", "make it again")
            continue
        text = f"{free // MEBIBYTE} MiB are free under {folder}"
        if free < FREE_WRONG:
            yield wrong("room", text, "make room: a full disk stops the log")
        elif free < FREE_WARN and folder == settings.data:
            yield warn("room", text, "make room, or set [retention]")
        else:
            yield ok("room", text)

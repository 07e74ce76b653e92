"""A bus for the benchmark: a folder by `sealway init`, two systems, two services, two grants.

Owns the names of the benchmark's country, its keys, and what is added to the settings. Refuses to
change any limit or time of the bus: what is measured is what `init` gives, with the service's
concurrency and the mailbox's room raised to what the load needs.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.bodies import REQUEST_SCHEMA, RESPONSE_SCHEMA
from exchange.operation.initialise import Names, initialise
from exchange.operation.key_files import load_log_signer
from signing.certificates import der_to_pem, issue_self_signed, parse_certificate, pem_to_der
from signing.encoding import b64url_encode, format_time
from signing.keys import ES256, generate_key, private_key_pem

BUS: Final = "sx.example"
CONSUMER: Final = "sx/GOV/1001/benefits"
PROVIDER: Final = "sx/GOV/2002/decisions"
SERVICE: Final = "benefit-decision"
TAKEN_LATER: Final = "benefit-notice"
"""The service whose messages lie in a mailbox: what accepting alone costs."""
PURPOSE: Final = "child-benefit"
CONCURRENCY: Final = 64  # calls to the provider at once: the proxy has no limit either
MAILBOX_MAX: Final = 100_000  # the most the registry lets an owner ask for
SHARDS: Final = 6  # four processes hold one log each; two are spare
YEAR_MS: Final = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class Country:
    """Where things of the benchmark's bus are."""

    folder: Path
    url: str
    port: int
    token: str
    log_keys: tuple[str, ...]
    """The keys of all logs, log 0 first; read from the folder, so they need no trust."""
    consumers: tuple[str, ...] = (CONSUMER,)
    """The systems that ask, by turns; a bus lets each wait for 64 answers at once."""

    def key(self, name: str) -> Path:
        """The file of a system's private key: `consumer-0`, `provider`."""
        return self.folder / "systems" / f"{name}.key.pem"

    def certificate(self, name: str) -> Path:
        """The file of a system's certificate."""
        return self.folder / "systems" / f"{name}.cert.pem"


def make_country(
    folder: Path,
    port: int,
    provider_port: int,
    alg: str,
    engines: Mapping[str, str] | None = None,
    consumers: int = 1,
) -> Country:
    """Make the bus's folder and the systems' keys; ``alg`` is the consumers' algorithm.

    The provider's key is ES256, as `sealway key new` makes it. ``engines`` are `database` and
    `kafka` as `sealway init` takes them; without them the bus is embedded.
    """
    shards = SHARDS if engines else None
    names = Names(BUS, "sx", port, shards=shards, founder=True, **dict(engines or {}))
    new = initialise(folder, names, _now_ms())
    (folder / "systems").mkdir()
    logs = range(names.logs + 1)
    log_keys = tuple(str(load_log_signer(new.keys, BUS, str(log)).verifier) for log in logs)
    token = new.token.read_text("ascii").strip()
    asking = (CONSUMER, *(f"{CONSUMER}-{number}" for number in range(1, consumers)))
    country = Country(folder, f"http://127.0.0.1:{port}", port, token, log_keys, asking)
    for number, system in enumerate(asking):
        _make_key(country, f"consumer-{number}", system, alg)
    _make_key(country, "provider", PROVIDER, ES256)
    _write_settings(country, provider_port)
    return country


def _make_key(country: Country, name: str, system: str, alg: str) -> None:
    key, now_ms = generate_key(alg), _now_ms()
    der = issue_self_signed(key, system, now_ms - 60_000, now_ms + YEAR_MS)
    country.key(name).write_bytes(private_key_pem(key))
    country.certificate(name).write_bytes(der_to_pem(der))


def _write_settings(country: Country, provider_port: int) -> None:
    path = country.folder / "sealway.toml"
    text = path.read_text("utf-8")
    hosts = f'hosts = ["127.0.0.1:{provider_port}"]'
    assert "hosts = []" in text, "init writes an empty list of hosts"
    text = text.replace("hosts = []", hosts)
    text += f"""
[hosted."{PROVIDER}"]
key = "systems/provider.key.pem"
certificate = "systems/provider.cert.pem"

[adapters.decisions]
kind = "rest"
base = "http://127.0.0.1:{provider_port}"

[adapters.decisions.services.{SERVICE}]
method = "POST"
path = "/decisions"
"""
    path.write_text(text, "utf-8")


def register(country: Country) -> None:
    """Put members, systems, keys, schemas, services and grants in force by the bus's API."""
    change(country, _changes(country))


def change(country: Country, changes: Sequence[dict[str, Any]]) -> None:
    """Carry out one set of changes; at most 1,000, as the bus takes them."""
    body = json.dumps({"changes": changes}).encode()
    request = urllib.request.Request(
        f"{country.url}/v1/changes",
        body,
        {"Content-Type": "application/json", "Authorization": f"Bearer {country.token}"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            said = json.load(response)
    except urllib.error.HTTPError as refused:
        raise RuntimeError(refused.read().decode("utf-8", "replace")[:2_000]) from refused
    assert said["changed"] == len(changes), said


def _changes(country: Country) -> list[dict[str, Any]]:
    member = [{"id": "sx/GOV/1001", "name": "Benefits"}, {"id": "sx/GOV/2002", "name": "Decisions"}]
    system: list[dict[str, Any]] = [
        *({"id": consumer, "name": "Benefits"} for consumer in country.consumers),
        {"id": PROVIDER, "name": "Decisions", "mailbox_max": MAILBOX_MAX},
    ]
    certificate = [
        *(
            _certificate(country, f"consumer-{number}", system, "member")
            for number, system in enumerate(country.consumers)
        ),
        _certificate(country, "provider", PROVIDER, "bus"),
    ]
    schema = [_schema("request", REQUEST_SCHEMA), _schema("response", RESPONSE_SCHEMA)]
    nouns: dict[str, list[dict[str, Any]]] = {
        "member": member,
        "system": system,
        "certificate": certificate,
        "schema": schema,
        "service": _services(),
        "grant": [
            grant(consumer, PROVIDER, code)
            for consumer in country.consumers
            for code in (SERVICE, TAKEN_LATER)
        ],
    }
    return [{"noun": noun, "object": one} for noun, objects in nouns.items() for one in objects]


def _services() -> list[dict[str, Any]]:
    asked = {
        "system": PROVIDER,
        "code": SERVICE,
        "title": "Decide a claim for child benefit",
        "request_schema": {"subject": f"{SERVICE}.request"},
        "response_schema": {"subject": f"{SERVICE}.response"},
        "delivery": {"kind": "adapter", "name": "decisions"},
        "concurrency": CONCURRENCY,
    }
    taken = {"code": TAKEN_LATER, "title": "Take a claim in", "delivery": {"kind": "mailbox"}}
    return [asked, {**asked, **taken}]


def grant(consumer: str, system: str, service: str) -> dict[str, Any]:
    """The object of a grant, as every one of the benchmark is."""
    return {
        "consumer": consumer,
        "system": system,
        "service": service,
        "purposes": [PURPOSE],
        "legal_basis": "Child Benefits Act, section 12",
        "valid_from": "2026-01-01T00:00:00.000Z",
    }


def _certificate(country: Country, name: str, system: str, custody: str) -> dict[str, Any]:
    parsed = parse_certificate(pem_to_der(country.certificate(name).read_bytes()))
    return {
        "x5t": parsed.x5t,
        "system": system,
        "certificate": b64url_encode(parsed.der),
        "alg": parsed.alg,
        "not_before": format_time(parsed.not_before_ms),
        "not_after": format_time(parsed.not_after_ms),
        "custody": custody,
    }


def _schema(role: str, file: Path) -> dict[str, Any]:
    return {"subject": f"{SERVICE}.{role}", "text": file.read_text("utf-8")}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

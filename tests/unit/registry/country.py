"""A country in small: two members, two systems, a service, a grant."""

import json
from functools import cache
from typing import Any

from registry.changes import Change, Plan, plan
from registry.compatibility import Comparison, compared
from registry.directory import Directory
from schemas.compatibility.judge import judge
from schemas.compatibility.verdicts import Report
from signing.certificates import issue_self_signed
from signing.encoding import b64url_encode, parse_time
from signing.keys import generate_key

NOW = parse_time("2026-11-22T06:40:00.000Z")
DAY = 86_400_000
BENEFITS = "sx/GOV/1001/benefits"
CIVIL = "sx/GOV/2002/civil-registry"
STATUS = f"{CIVIL}/person-status"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def certificate_text(
    name: str = "benefits", alg: str = "ES256", from_ms: int = NOW - DAY, to_ms: int = NOW + DAY
) -> str:
    """A development certificate in base64url; the same one for the same arguments."""
    return b64url_encode(issue_self_signed(generate_key(alg), name, from_ms, to_ms))


def schema_text(**members: Any) -> str:
    return json.dumps({"$schema": DIALECT, **members})


def member(id: str = "sx/GOV/1001", **more: Any) -> Change:
    return Change("member", {"id": id, "name": f"Member {id}", **more})


def system(id: str = BENEFITS, **more: Any) -> Change:
    return Change("system", {"id": id, "name": f"System {id}", **more})


def certificate(owner: str = BENEFITS, text: str | None = None, **more: Any) -> Change:
    return Change(
        "certificate", {"system": owner, "certificate": text or certificate_text(), **more}
    )


def schema(subject: str = "status.request", text: str | None = None, **more: Any) -> Change:
    return Change(
        "schema", {"subject": subject, "text": text or schema_text(title=subject), **more}
    )


def service(**more: Any) -> Change:
    whole = {
        "system": CIVIL,
        "code": "person-status",
        "title": "The civil status of a person",
        "request_schema": {"subject": "status.request"},
        "response_schema": {"subject": "status.response"},
    }
    return Change("service", {**whole, **more})


def grant(**more: Any) -> Change:
    whole = {
        "consumer": BENEFITS,
        "system": CIVIL,
        "service": "person-status",
        "purposes": ["child-benefit"],
        "legal_basis": "Benefits Act, section 4",
        "valid_from": "2026-01-01T00:00:00.000Z",
    }
    return Change("grant", {**whole, **more})


def policy(**more: Any) -> Change:
    return Change("policy", {"bus": "sx.example", "instance": "sx", **more})


def country() -> list[Change]:
    return [
        policy(),
        member("sx/GOV/1001"),
        member("sx/GOV/2002"),
        system(BENEFITS),
        system(CIVIL),
        certificate(),
        schema("status.request"),
        schema("status.response"),
        service(),
        grant(),
    ]


def compare(comparison: Comparison) -> Report:
    """As the bus compares, in this process."""
    return compared(comparison, judge)


def planned(directory: Directory, *changes: Change, now_ms: int = NOW) -> Plan:
    return plan(directory, changes, now_ms, compare=compare)


def applied(directory: Directory, *changes: Change, now_ms: int = NOW) -> Directory:
    return directory.fold(planned(directory, *changes, now_ms=now_ms).facts)


@cache
def a_country() -> Directory:
    return applied(Directory.empty(), *country())

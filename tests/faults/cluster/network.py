"""Who takes part in a cluster's run: consumers, departments, services of every kind, grants.

Healthy services have hours to be answered, and must be; those of the slow, the failing and the
hanging department have seconds, and may expire.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from registry.changes import Change
from signing.identifiers import SystemId
from tests.support.agencies import (
    BENEFITS,
    CIVIL,
    PURPOSE,
    STATISTICS,
    SYSTEMS,
    TERRITORIES,
    Credentials,
    certificate,
    schema,
)

CONSUMERS: Final = (BENEFITS, TERRITORIES)
HOSTED: Final = (CIVIL, TERRITORIES)
"""Systems whose answers the deliverers sign."""


MAILBOX_MAX: Final = 60
"""How many questions to one service may wait: little enough to be filled within seconds."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One service of the run."""

    code: str
    system: SystemId
    adapter: str | None
    """The adapter behind it; none: a mailbox."""
    repeat: str = "safe"
    deadline_s: int = 600
    timeout_s: int = 5
    share: float = 1.0
    """How often the load asks it, among the others."""
    is_healthy: bool = True
    """Whether each question must get an answer."""
    is_measured: bool = True
    """Whether its latency is compared: healthy, and not slow of itself."""


OFFERS: Final = (
    Offer("person-letters", CIVIL, "register", share=3),
    Offer("address-change", CIVIL, "register", repeat="keyed", share=3),
    Offer("name-change", CIVIL, "register", repeat="never", deadline_s=20, share=2),
    Offer("residence", CIVIL, "register", share=1.5),
    Offer("population", STATISTICS, None, share=2),
    Offer("census", STATISTICS, None, share=0),
    Offer("slow-report", CIVIL, "slow", timeout_s=8, share=0.4, is_measured=False),
    Offer(
        "failing-report",
        TERRITORIES,
        "failing",
        deadline_s=20,
        share=0.6,
        is_healthy=False,
        is_measured=False,
    ),
    Offer(
        "hanging-report",
        TERRITORIES,
        "hanging",
        deadline_s=20,
        timeout_s=3,
        share=0.3,
        is_healthy=False,
        is_measured=False,
    ),
)
BY_CODE: Final[Mapping[str, Offer]] = {one.code: one for one in OFFERS}
RESIDENCE: Final = "residence"
"""Asked by territories alone, under a grant that is withdrawn and given again."""
CENSUS: Final = "census"
"""Asked by whoever fills a mailbox."""
DISTURBING: Final = frozenset({"slow-report", "failing-report", "hanging-report"})
"""What the calm beginning of a run leaves out."""


def grant(code: str, consumer: str) -> dict[str, Any]:
    """The grant of one of the run's services to one of its consumers."""
    return {
        "consumer": consumer,
        "system": BY_CODE[code].system,
        "service": code,
        "purposes": [PURPOSE],
        "legal_basis": "Benefits Act, section 4",
        "valid_from": "2020-01-01T00:00:00.000Z",
    }


def consumers_of(code: str) -> tuple[SystemId, ...]:
    """Who is granted a service; nobody asks itself."""
    if code == RESIDENCE:
        return (TERRITORIES,)
    return tuple(one for one in CONSUMERS if one != BY_CODE[code].system)


def changes(keys: Mapping[SystemId, Credentials]) -> list[Change]:
    """Everything that the directory is to hold."""
    members = sorted({system.rsplit("/", 1)[0] for system in SYSTEMS})
    question = {"person_code": {"type": "string", "pattern": "^[0-9]{1,11}$"}}
    return [
        *(Change("member", {"id": one, "name": one}) for one in members),
        *(
            Change("system", {"id": one, "name": one, "mailbox_max": MAILBOX_MAX})
            for one in SYSTEMS
        ),
        *(certificate(one, keys[one]) for one in SYSTEMS),
        schema("question", properties=question, required=["person_code"]),
        schema("answer", properties={"status": {"type": "string"}}, required=["status"]),
        *(Change("service", _service(one)) for one in OFFERS),
        *(
            Change("grant", grant(one.code, consumer))
            for one in OFFERS
            for consumer in consumers_of(one.code)
        ),
    ]


def _service(offer: Offer) -> dict[str, Any]:
    delivery = {"kind": "mailbox"}
    if offer.adapter is not None:
        delivery = {"kind": "adapter", "name": offer.adapter}
    return {
        "system": offer.system,
        "code": offer.code,
        "title": "A service of the tests",
        "request_schema": {"subject": "question"},
        "response_schema": {"subject": "answer"},
        "delivery": delivery,
        "repeat": offer.repeat,
        "deadline_s": offer.deadline_s,
        "timeout_s": offer.timeout_s,
    }


def adapters(ports: Mapping[str, int]) -> dict[str, Any]:
    """The deliverers' tables of adapters: each department over HTTP."""
    return {
        name: {
            "kind": "rest",
            "base": f"http://127.0.0.1:{port}",
            "services": {
                one.code: {"method": "POST", "path": f"/{one.code}", "timeout_s": one.timeout_s}
                for one in OFFERS
                if one.adapter == name
            },
        }
        for name, port in ports.items()
    }

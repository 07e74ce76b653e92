"""The JSON that is exchanged: 2 kB each way, of the shape that agencies really send.

Owns the made-up claims and decisions; the same numbers give the same bytes. Refuses to own the
schemas: those are the JSON files beside this module, and a test holds the bodies to them.
"""

import json
from pathlib import Path
from random import Random
from typing import Any, Final

BODY_BYTES: Final = 2_048
REQUEST_SCHEMA: Final = Path(__file__).parent / "contracts" / "benefit-decision.request.json"
RESPONSE_SCHEMA: Final = Path(__file__).parent / "contracts" / "benefit-decision.response.json"

_GIVEN: Final = ("Mari", "Jüri", "Liis", "Andres", "Katrin", "Peeter", "Anna", "Märt", "Tiina")
_FAMILY: Final = ("Tamm", "Saar", "Sepp", "Mägi", "Kask", "Kukk", "Rebane", "Ilves", "Pärn")
_STREETS: Final = ("Aia", "Kooli", "Jaama", "Pargi", "Lille", "Kesk", "Mere", "Uus")
_PLACES: Final = ("Tallinn", "Tartu", "Narva", "Pärnu", "Viljandi", "Rakvere")


def request_body(number: int) -> bytes:
    """The claim of that number, as JSON of `BODY_BYTES`."""
    random = Random(number)
    claim = {
        "case": f"CB-2026-{number % 1_000_000:06}",
        "submitted": "2026-11-02T09:30:00Z",
        "applicant": _person(random, 1980),
        "children": [
            {"person": _person(random, 2012), "relation": "child", "at_school": index % 2 == 0}
            for index in range(4)
        ],
        "income": [
            {
                "month": f"2026-{month:02}",
                "amount": round(random.uniform(900, 3_000), 2),
                "source": "employment",
            }
            for month in range(1, 10)
        ],
    }
    return _filled(claim, claim, "note")


def answer_body(number: int) -> bytes:
    """The decision of that number, as JSON of `BODY_BYTES`."""
    random = Random(number)
    ground = {"act": "Child Benefits Act", "section": "12(1)", "text": ""}
    decision = {
        "decision": f"D-2026-{number % 100_000_000:08}",
        "decided": "2026-11-02T10:15:00Z",
        "state": "granted",
        "grounds": [
            {"act": "Child Benefits Act", "section": "4", "text": "Lives with the children."},
            ground,
        ],
        "payments": [
            {
                "month": f"{2026 + (month + 10) // 12}-{(month + 10) % 12 + 1:02}",
                "amount": round(random.uniform(60, 400), 2),
                "currency": "EUR",
                "payee": _code(random),
                "due": f"{2026 + (month + 10) // 12}-{(month + 10) % 12 + 1:02}-05",
            }
            for month in range(14)
        ],
        "appeal_until": "2026-12-02",
    }
    return _filled(decision, ground, "text")


def _person(random: Random, born: int) -> dict[str, Any]:
    return {
        "person_code": _code(random),
        "name": {"given": random.choice(_GIVEN), "family": random.choice(_FAMILY)},
        "born": f"{born + random.randrange(8)}-{random.randrange(1, 13):02}-17",
        "residence": {
            "country": "EE",
            "locality": random.choice(_PLACES),
            "street": f"{random.choice(_STREETS)} {random.randrange(1, 90)}",
            "postal_code": str(random.randrange(10_000, 99_999)),
            "since": "2019-06-01",
        },
    }


def _code(random: Random) -> str:
    return str(random.randrange(30_000_000_000, 70_000_000_000))


def _filled(document: dict[str, Any], place: dict[str, Any], member: str) -> bytes:
    """The document's JSON, made `BODY_BYTES` long by a text in ``place``."""
    place[member] = ""
    short = BODY_BYTES - len(_json(document))
    assert short >= 0, "the document is too long already"
    sentence = "Income of the household was verified with the tax authority. "
    place[member] = (sentence * (short // len(sentence) + 1))[:short]
    return _json(document)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

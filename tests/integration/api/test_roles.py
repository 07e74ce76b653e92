"""Every route as every role, against product.md's table *Who may do what*."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from exchange.api import rest
from exchange.api.rest import rest_app
from exchange.api.roles import RULES, RouteWithoutRule
from tests.support.agencies import BENEFITS
from tests.support.http import AUDITOR, FOUNDER, OPERATOR, Edge, integrator

INTEGRATOR = integrator("sx/GOV/1001")
WHO = {"O": OPERATOR, "I": INTEGRATOR, "A": AUDITOR, "S": BENEFITS}

PRODUCT = {
    "member: add, suspend": ("O", ["POST /v1/members", "PUT /v1/members/{key:path}"]),
    "system: add": ("OI", ["POST /v1/systems", "PUT /v1/systems/{key:path}"]),
    "certificate: add": ("OIS", ["POST /v1/certificates"]),
    "certificate: revoke": ("OI", ["PUT /v1/certificates/{key:path}"]),
    "service, schema: add": (
        "I",
        [
            *("POST /v1/services", "PUT /v1/services/{key:path}"),
            *("POST /v1/subjects", "PUT /v1/subjects/{key:path}"),
            *("POST /v1/schemas", "PUT /v1/schemas/{key}"),
            "DELETE /v1/schemas/{key}",
        ],
    ),
    "grant: give, withdraw": ("I", ["POST /v1/grants", "PUT /v1/grants/{key:path}"]),
    "any of these in one set": ("OI", ["POST /v1/changes"]),
    "catalogue": (
        "OIAS",
        [
            f"GET /v1/{noun}{key}"
            for noun in ("members", "systems", "subjects", "services", "grants")
            for key in ("", "/{key:path}")
        ]
        + ["GET /v1/schemas", "GET /v1/schemas/{key}"]
        + ["GET /v1/certificates", "GET /v1/certificates/{key}"]
        + ["GET /v1/schemas/{fingerprint}/example"],
    ),
    "schema: what it would break": (
        "OIA",
        ["POST /v1/schemas/check", "GET /v1/schemas/{key}/touched"],
    ),
    "timeline": (
        "OIAS",
        [
            "GET /v1/messages/{id}",
            "GET /v1/messages/{id}/receipt",
            "GET /v1/messages/{id}/refusals",
        ],
    ),
    "content": (
        "AS",
        [
            *("GET /v1/messages/{id}/answer", "GET /v1/messages/{id}/delivery"),
            "GET /v1/messages/{id}/parts/{name}",
        ],
    ),
    "dead letters": ("OIAS", ["GET /v1/dead", "GET /v1/dead/{id}"]),
    "dead letters: decide": ("OI", ["POST /v1/dead/{id}/redrive", "POST /v1/dead/{id}/drop"]),
    "a system's own": (
        "S",
        [
            "GET /v1/mailbox",
            *(f"POST /v1/mailbox/{verb}" for verb in ("lease", "confirm", "extend", "release")),
        ],
    ),
    "grants asked for": ("OIA", ["GET /v1/asks", "GET /v1/asks/{id}"]),
    "grant: ask, give on own services": (
        "I",
        [
            "POST /v1/asks",
            *(f"POST /v1/asks/{{id}}/{verb}" for verb in ("give", "refuse", "withdraw")),
        ],
    ),
    "people": (
        "O",
        [
            *("GET /v1/persons", "POST /v1/persons", "GET /v1/persons/{id}"),
            "POST /v1/persons/{id}/revoke",
        ],
    ),
    "exports": ("A", ["POST /v1/exports", "POST /v1/exports/preview", "GET /v1/reads"]),
    "entries of the log": ("A", ["GET /log/{n}/tile/entries/{number:path}"]),
}
PUBLIC = {
    *("POST /v1/messages", "GET /v1/logs/{n}", "GET /log/{n}/checkpoint"),
    *("GET /log/{n}/cosigned", "GET /log/{n}/policy"),
    *("GET /log/{n}/cosignatures", "POST /log/{n}/cosignatures"),
    *("GET /log/{n}/tile/{level}/{number:path}", "GET /.well-known/sealway", "GET /livez"),
    *(
        "GET /readyz",
        "GET /",
        "GET /docs",
        "GET /problems",
        "GET /problems/{code}",
        "GET /openapi.json",
    ),
}
KEYS = {
    "members": "sx/GOV/1001",
    "systems": str(BENEFITS),
    "schemas": "sha256:" + "0" * 64,
    "subjects": "sx/GOV/1001/person",
    "services": f"{BENEFITS}/person-status",
    "grants": "g0",
    "certificates": "x" * 43,
}


def address(call: str) -> str:
    """A call's address, with something in each place."""
    path = call.partition(" ")[2]
    noun = path.split("/")[2] if path.startswith("/v1/") else ""
    for name in ("{key:path}", "{key}", "{fingerprint}"):
        path = path.replace(name, KEYS.get(noun, ""))
    filled = path.replace("{id}", "01a201fb-aa7b-7cc0-98c4-dc0c0c07398f").replace("{n}", "0")
    return filled.replace("{name}", "body").replace("{number:path}", "000.p/1")


def body_of(call: str) -> dict[str, Any]:
    if call.startswith("GET"):
        return {}
    return {"json": {"changes": []} if call.endswith("changes") else {}}


async def is_denied(edge: Edge, call: str, who: str) -> bool:
    method, path = call.partition(" ")[0], address(call)
    response = await edge.call(method, path, who, **body_of(call))
    if "tile/entries" in call:
        return response.status_code == 404
    return response.status_code == 403 and response.json()["code"] == "role-missing"


def test_the_table_and_the_product_name_the_same_calls() -> None:
    ours = {f"{method} {template}" for method, template in RULES}
    theirs = [call for _, calls in PRODUCT.values() for call in calls]
    assert len(theirs) == len(set(theirs))
    assert {*theirs, *PUBLIC} == ours


async def test_every_call_is_for_the_roles_that_the_product_says(edge: Edge) -> None:
    wrong = []
    for roles, calls in PRODUCT.values():
        for call in calls:
            for letter, who in WHO.items():
                if await is_denied(edge, call, who) is (letter in roles):
                    wrong.append((call, who))
            founders = "O" in roles or "I" in roles
            if await is_denied(edge, call, FOUNDER) is founders:
                wrong.append((call, FOUNDER))
    assert wrong == []


async def test_no_call_that_is_not_public_is_answered_without_a_token(edge: Edge) -> None:
    for roles, calls in PRODUCT.values():
        for call in calls:
            response = await edge.call(call.partition(" ")[0], address(call), **body_of(call))
            expected = 404 if "tile/entries" in call else 401
            assert response.status_code == expected, (call, roles)


async def test_a_route_without_a_rule_cannot_be_started(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = APIRouter()

    @router.get("/v1/everything")
    async def everything() -> str:
        return "all"

    monkeypatch.setattr(rest, "_ROUTERS", (*rest._ROUTERS, router))
    with pytest.raises(RouteWithoutRule, match="GET /v1/everything"):
        rest_app(edge.running.bus.api)


async def test_denials_are_counted_by_role(edge: Edge) -> None:
    assert await is_denied(edge, "POST /v1/members", AUDITOR)
    assert await is_denied(edge, "POST /v1/members", BENEFITS)
    assert await is_denied(edge, "POST /v1/mailbox/lease", OPERATOR)
    await edge.get("/v1/services", AUDITOR)
    counted = edge.running.bus.api.denials.by_role
    assert dict(counted) == {"auditor": 1, "system": 1, "operator": 1}


def test_a_framework_that_kept_routes_elsewhere_would_be_noticed() -> None:
    """Rules are asked for by what the application really routes."""
    app = FastAPI()
    app.add_api_route("/x", lambda: None)
    with pytest.raises(RouteWithoutRule):
        rest.check_all(rest._calls(app))

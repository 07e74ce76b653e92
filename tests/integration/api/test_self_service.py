"""What integrators do for their own members, and may not do for others; what ends at once."""

from dataclasses import replace
from typing import Any

import pytest

from exchange.api.possession import PATH as CERTIFICATES
from exchange.ledger.errors import LogUnavailable
from signing.certificates import issue_self_signed, parse_certificate
from signing.csr import make_csr
from signing.encoding import b64url_encode
from signing.keys import ES256, LocalSigner, PrivateKey, generate_key
from signing.records import decode_record
from signing.tokens import Call, sign_token
from tests.support.agencies import (
    BENEFITS,
    BUS,
    CIVIL,
    POPULATION,
    STATISTICS,
    TERRITORIES,
    grant,
)
from tests.support.http import FOUNDER, OPERATOR, Edge, code_of, integrator

MINE = integrator("sx/GOV/1001")
CIVILS = integrator("sx/GOV/2002")
NEW = "sx/GOV/1001/payments"
SCHEMA = (
    '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",'
    '"properties":{"account":{"type":"string"}}}'
)


def certificate(edge: Edge, key: PrivateKey, name: str = NEW) -> bytes:
    now_ms = edge.running.clock()
    return issue_self_signed(key, name, now_ms - 1000, now_ms + 86_400_000)


def proof(edge: Edge, key: PrivateKey, der: bytes, system: str = NEW, **more: str) -> str:
    call = Call(more.get("bus", BUS), "POST", edge.url + more.get("path", CERTIFICATES))
    signer = LocalSigner(key, parse_certificate(der).x5t)
    return sign_token(call, system, signer, edge.running.clock() // 1000)


async def put(edge: Edge, path: str, members: dict[str, Any], who: str) -> str:
    """Change what is there; the code of the no, or the status."""
    tag = (await edge.get(path, FOUNDER)).headers["etag"]
    response = await edge.call("PUT", path, who, json=members, headers={"if-match": tag})
    return str(response.status_code) if response.is_success else code_of(response)


async def test_an_integrator_registers_system_certificate_schema_service_and_grant(
    edge: Edge,
) -> None:
    assert (
        await edge.post("/v1/systems", {"id": NEW, "name": "Payments"}, MINE)
    ).status_code == 201
    key = generate_key(ES256)
    der = certificate(edge, key)
    members = {"system": NEW, "certificate": b64url_encode(der), "proof": proof(edge, key, der)}
    added = await edge.post(CERTIFICATES, members, MINE)
    assert (added.status_code, added.json()["custody"]) == (201, "member")
    schema = {"subject": "sx/GOV/1001/account", "text": SCHEMA}
    registered = await edge.post("/v1/schemas", schema, MINE)
    assert registered.status_code == 201, registered.text
    fingerprint = registered.json()["fingerprint"]
    assert (await edge.get(f"/v1/schemas/{fingerprint}", MINE)).status_code == 200
    service = {
        "system": NEW,
        "code": "account",
        "title": "Account",
        "request_schema": fingerprint,
        "response_schema": fingerprint,
    }
    assert (await edge.post("/v1/services", service, MINE)).status_code == 201
    grant = {"consumer": CIVIL, "system": NEW, "service": "account", "legal_basis": "Act 5"}
    given = await edge.post("/v1/grants", grant, MINE)
    assert given.status_code == 201
    place = await edge.running.bus.api.reads.object_place("grant", given.json()["id"])
    assert place is not None
    stored = await edge.running.bus.api.reads.record(place.log, place.index)
    assert stored is not None
    record = decode_record(stored[0])
    assert (record.actor[:8], record.role) == ("person:p", "integrator")


async def test_the_same_in_one_set(edge: Edge) -> None:
    key = generate_key(ES256)
    der = certificate(edge, key)
    cert = {"system": NEW, "certificate": b64url_encode(der)}
    changes = [
        {"noun": "system", "object": {"id": NEW, "name": "Payments"}},
        {"noun": "certificate", "object": cert, "proof": proof(edge, key, der)},
    ]
    done = await edge.post("/v1/changes", {"changes": changes}, MINE)
    assert done.json()["changed"] == 2
    foreign = {"noun": "system", "object": {"id": f"{CIVIL}2", "name": "Theirs"}}
    mixed = {"changes": [{"noun": "system", "object": {"id": f"{NEW}2", "name": "x"}}, foreign]}
    assert code_of(await edge.post("/v1/changes", mixed, MINE)) == "role-missing"
    assert code_of(await edge.get(f"/v1/systems/{NEW}2", FOUNDER)) == "not-found"


async def test_a_certificate_without_a_proof_that_holds_is_refused(edge: Edge) -> None:
    await edge.post("/v1/systems", {"id": NEW, "name": "Payments"}, MINE)
    key, other = generate_key(ES256), generate_key(ES256)
    der = certificate(edge, key)
    token = proof(edge, key, der)
    bad: list[str | None] = [
        None,
        proof(edge, other, der),
        proof(edge, key, der, system=str(BENEFITS)),
        proof(edge, key, der, bus="other.example"),
        proof(edge, key, der, path="/v1/members"),
        token[:-4] + "AAAA",
        b64url_encode(make_csr(other, NEW)),
        b64url_encode(make_csr(key, str(BENEFITS))),
        "rubbish",
        "a.b.c",
    ]
    for one in bad:
        members = {"system": NEW, "certificate": b64url_encode(der)}
        if one is not None:
            members["proof"] = one
        response = await edge.post(CERTIFICATES, members, MINE)
        assert code_of(response) == "possession-unproven", one
    edge.running.clock.ahead_ms += 120_000
    late = {"system": NEW, "certificate": b64url_encode(der), "proof": token}
    assert code_of(await edge.post(CERTIFICATES, late, MINE)) == "possession-unproven"


async def test_a_certificate_request_proves_possession_too(edge: Edge) -> None:
    await edge.post("/v1/systems", {"id": NEW, "name": "Payments"}, MINE)
    key = generate_key(ES256)
    members = {
        "system": NEW,
        "certificate": b64url_encode(certificate(edge, key)),
        "proof": b64url_encode(make_csr(key, NEW)),
    }
    assert (await edge.post(CERTIFICATES, members, MINE)).status_code == 201


async def test_the_operator_answers_for_a_certificate_without_proof(edge: Edge) -> None:
    key = generate_key(ES256)
    members = {"system": str(BENEFITS), "certificate": b64url_encode(certificate(edge, key))}
    assert (await edge.post(CERTIFICATES, members, OPERATOR)).status_code == 201


async def test_a_system_renews_its_own_certificate_and_nobody_elses(edge: Edge) -> None:
    key = generate_key(ES256)
    der = certificate(edge, key)
    own = {"system": str(BENEFITS), "certificate": b64url_encode(der)}
    assert code_of(await edge.post(CERTIFICATES, own, BENEFITS)) == "possession-unproven"
    own["proof"] = proof(edge, key, der, system=str(BENEFITS))
    assert (await edge.post(CERTIFICATES, own, BENEFITS)).status_code == 201
    other = {"system": str(CIVIL), "certificate": b64url_encode(der)}
    other["proof"] = proof(edge, key, der, system=str(CIVIL))
    assert code_of(await edge.post(CERTIFICATES, other, BENEFITS)) == "role-missing"


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v1/systems", {"id": "sx/GOV/2002/new", "name": "Theirs"}),
        ("/v1/schemas", {"subject": "person-status.request", "text": '{"type":"string"}'}),
        ("/v1/schemas", {"subject": "sx/GOV/10011/x", "text": '{"type":"string"}'}),
        ("/v1/services", {"system": str(CIVIL), "code": "mine"}),
        (
            "/v1/grants",
            {"consumer": str(BENEFITS), "system": str(CIVIL), "service": "person-status"},
        ),
        ("/v1/certificates", {"system": str(CIVIL), "certificate": "AAAA"}),
    ],
)
async def test_what_is_another_members_is_not_an_integrators_to_add(
    edge: Edge, path: str, members: dict[str, Any]
) -> None:
    assert code_of(await edge.post(path, members, MINE)) == "role-missing"


async def test_what_is_another_members_is_not_an_integrators_to_change(edge: Edge) -> None:
    assert await put(edge, f"/v1/systems/{CIVIL}", {"name": "x"}, MINE) == "role-missing"
    assert await put(edge, f"/v1/systems/{CIVIL}", {}, MINE) == "role-missing"
    service = f"/v1/services/{CIVIL}/person-status"
    assert await put(edge, service, {"state": "suspended"}, MINE) == "role-missing"
    grants = (await edge.get("/v1/grants", MINE)).json()["items"]
    assert grants
    for one in grants:  # those of other members' services; it may see them and not end them
        path = f"/v1/grants/{one['id']}"
        assert await put(edge, path, {"state": "withdrawn"}, MINE) == "role-missing"
    x5t = edge.running.keys[CIVIL].x5t
    assert await put(edge, f"/v1/certificates/{x5t}", {"state": "revoked"}, MINE) == "role-missing"


async def test_what_stays_with_the_operator(edge: Edge) -> None:
    own = f"/v1/systems/{BENEFITS}"
    assert await put(edge, own, {"mailbox_max": 5}, MINE) == "role-missing"
    assert await put(edge, own, {"mailbox_max": 5_000}, OPERATOR) == "200"
    assert await put(edge, own, {"mailbox_max": 5_001}, MINE) == "role-missing"
    assert await put(edge, own, {"mailbox_max": None}, MINE) == "role-missing"
    assert await put(edge, own, {"mailbox_max": 500}, MINE) == "200"
    assert await put(edge, own, {"state": "suspended"}, MINE) == "200"
    assert await put(edge, own, {"state": "active"}, MINE) == "role-missing"
    assert await put(edge, own, {"state": "active"}, OPERATOR) == "200"
    key = generate_key(ES256)
    der = certificate(edge, key)
    held = {"system": str(BENEFITS), "certificate": b64url_encode(der), "custody": "bus"}
    held["proof"] = proof(edge, key, der, system=str(BENEFITS))
    assert code_of(await edge.post(CERTIFICATES, held, MINE)) == "role-missing"
    statistics = integrator("/".join(str(STATISTICS).split("/")[:3]))
    services = (await edge.get("/v1/services", statistics)).json()["items"]
    code = next(one["code"] for one in services if one["system"] == STATISTICS)
    delivery = {"delivery": {"kind": "adapter", "name": "civil"}}
    path = f"/v1/services/{STATISTICS}/{code}"
    assert await put(edge, path, delivery, statistics) == "role-missing"


async def test_an_integrator_of_a_suspended_member_changes_nothing(edge: Edge) -> None:
    assert await put(edge, "/v1/members/sx/GOV/1001", {"state": "suspended"}, OPERATOR) == "200"
    system = {"id": NEW, "name": "Payments"}
    assert code_of(await edge.post("/v1/systems", system, MINE)) == "sender-suspended"
    assert (await edge.get("/v1/systems", MINE)).status_code == 200


ASK = {
    "consumer": str(TERRITORIES),
    "system": str(CIVIL),
    "service": "person-status",
    "legal_basis": "Maps Act, section 3",
    "purposes": ["mapping"],
}
MAPS = integrator("/".join(str(TERRITORIES).split("/")[:3]))


async def _state(edge: Edge, id_: str, who: str) -> str:
    return str((await edge.get(f"/v1/asks/{id_}", who)).json()["state"])


async def test_a_grant_is_asked_for_given_and_withdrawn(edge: Edge) -> None:
    asked = await edge.post("/v1/asks", ASK, MAPS)
    assert (asked.status_code, asked.json()["state"]) == (201, "asked")
    id_ = asked.json()["id"]
    for who in (MAPS, CIVILS, OPERATOR):
        assert await _state(edge, id_, who) == "asked"
        assert [one["id"] for one in (await edge.get("/v1/asks", who)).json()["items"]] == [id_]
    assert code_of(await edge.get(f"/v1/asks/{id_}", MINE)) == "not-found"
    assert (await edge.get("/v1/asks", MINE)).json()["items"] == []
    give = f"/v1/asks/{id_}/give"
    assert code_of(await edge.call("POST", give, MAPS)) == "role-missing"
    assert (await edge.call("POST", give, CIVILS)).json()["state"] == "given"
    assert (await edge.call("POST", give, CIVILS)).json()["state"] == "given"
    grant = (await edge.get(f"/v1/grants/{id_}", MAPS)).json()
    assert (grant["consumer"], grant["purposes"]) == (TERRITORIES, ["mapping"])
    assert code_of(await edge.call("POST", f"/v1/asks/{id_}/withdraw", MAPS)) == "conflict"
    assert await put(edge, f"/v1/grants/{id_}", {"state": "withdrawn"}, CIVILS) == "200"
    assert await _state(edge, id_, MAPS) == "withdrawn"


async def test_a_grant_is_refused_with_a_reason_that_the_consumer_reads(edge: Edge) -> None:
    id_ = (await edge.post("/v1/asks", ASK, MAPS)).json()["id"]
    refuse = f"/v1/asks/{id_}/refuse"
    assert code_of(await edge.post(refuse, {}, CIVILS)) == "request-invalid"
    assert code_of(await edge.post(refuse, {"reason": "No basis."}, MAPS)) == "role-missing"
    done = (await edge.post(refuse, {"reason": "No basis."}, CIVILS)).json()
    assert (done["state"], done["reason"]) == ("refused", "No basis.")
    assert (await edge.get(f"/v1/asks/{id_}", MAPS)).json()["reason"] == "No basis."
    assert code_of(await edge.call("POST", f"/v1/asks/{id_}/give", CIVILS)) == "conflict"
    assert code_of(await edge.call("POST", f"/v1/asks/{id_}/withdraw", MAPS)) == "conflict"


async def test_an_ask_is_withdrawn_by_who_asked(edge: Edge) -> None:
    id_ = (await edge.post("/v1/asks", ASK, MAPS)).json()["id"]
    assert code_of(await edge.call("POST", f"/v1/asks/{id_}/withdraw", CIVILS)) == "role-missing"
    assert (await edge.call("POST", f"/v1/asks/{id_}/withdraw", MAPS)).json()[
        "state"
    ] == "withdrawn"


async def test_an_ask_is_not_withdrawn_while_it_is_given(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = (await edge.post("/v1/asks", ASK, MAPS)).json()["id"]
    directory_log = edge.running.bus.api.directory_log
    change, met = directory_log.change, []

    async def slowly(*args: Any) -> Any:
        met.append(code_of(await edge.call("POST", f"/v1/asks/{id_}/withdraw", MAPS)))
        no = {"reason": "No basis."}
        met.append(code_of(await edge.post(f"/v1/asks/{id_}/refuse", no, CIVILS)))
        return await change(*args)

    monkeypatch.setattr(directory_log, "change", slowly)
    given = await edge.call("POST", f"/v1/asks/{id_}/give", CIVILS)
    assert (given.json()["state"], met) == ("given", ["conflict", "conflict"])


async def test_an_ask_whose_grant_was_refused_is_open_again(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = (await edge.post("/v1/asks", ASK, MAPS)).json()["id"]

    async def failing(*args: Any) -> Any:
        raise LogUnavailable("Not now.")

    with monkeypatch.context() as patch:
        patch.setattr(edge.running.bus.api.directory_log, "change", failing)
        assert code_of(await edge.call("POST", f"/v1/asks/{id_}/give", CIVILS)) == "log-unavailable"
    assert (await edge.get(f"/v1/asks/{id_}", MAPS)).json()["state"] == "asked"
    withdrawn = await edge.call("POST", f"/v1/asks/{id_}/withdraw", MAPS)
    assert withdrawn.json()["state"] == "withdrawn"


async def test_who_died_while_giving_blocks_an_ask_for_a_minute(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = (await edge.post("/v1/asks", ASK, MAPS)).json()["id"]
    people = edge.running.bus.api.people
    found = await people.ask(id_)
    assert found is not None
    taken = replace(found, ended="given", ended_by="person:p", ended_at_ms=found.asked_at_ms)
    assert await people.swap_ask(found, taken) == taken
    assert (await edge.get(f"/v1/asks/{id_}", MAPS)).json()["state"] == "asked"
    assert code_of(await edge.call("POST", f"/v1/asks/{id_}/withdraw", MAPS)) == "conflict"
    monkeypatch.setattr("exchange.api.resources.asks.GIVING_MS_MAX", 0)
    withdrawn = await edge.call("POST", f"/v1/asks/{id_}/withdraw", MAPS)
    assert withdrawn.json()["state"] == "withdrawn"
    assert code_of(await edge.call("POST", f"/v1/asks/{id_}/give", CIVILS)) == "conflict"


async def test_wrong_asks_are_refused(edge: Edge) -> None:
    assert code_of(await edge.post("/v1/asks", ASK, MINE)) == "role-missing"
    for members, code in (
        ({"service": "nothing"}, "not-found"),
        ({"system": "sx/GOV/9/none"}, "not-found"),
        ({"purposes": ["Not A Code"]}, "request-invalid"),
        ({"valid_to": "tomorrow"}, "request-invalid"),
        ({"legal_basis": ""}, "request-invalid"),
    ):
        assert code_of(await edge.post("/v1/asks", {**ASK, **members}, MAPS)) == code, members


async def test_what_the_founder_does_for_a_member_is_operator_asserted(edge: Edge) -> None:
    id_ = (await edge.post("/v1/asks", ASK, FOUNDER)).json()["id"]
    assert (await edge.call("POST", f"/v1/asks/{id_}/give", FOUNDER)).json()["state"] == "given"
    reads = edge.running.bus.api.reads
    place = await reads.object_place("grant", id_)
    assert place is not None
    stored = await reads.record(place.log, place.index)
    assert stored is not None
    record = decode_record(stored[0])
    assert (record.actor, record.role) == ("person:founder", "operator-asserted")


@pytest.mark.parametrize(
    ("path", "state", "code"),
    [
        ("/v1/members/sx/GOV/1001", "suspended", "sender-suspended"),
        (f"/v1/systems/{BENEFITS}", "suspended", "sender-suspended"),
        (f"/v1/systems/{BENEFITS}", "withdrawn", "sender-suspended"),
        ("certificate", "revoked", "certificate-revoked"),
        ("grant", "withdrawn", "not-allowed"),
        (f"/v1/services/{CIVIL}/person-status", "suspended", "not-allowed"),
        (f"/v1/systems/{CIVIL}", "suspended", "not-allowed"),
    ],
)
async def test_an_end_binds_the_next_message(edge: Edge, path: str, state: str, code: str) -> None:
    assert (await edge.send(edge.running.ask())).status_code == 202
    if path == "certificate":
        path = f"/v1/certificates/{edge.running.keys[BENEFITS].x5t}"
    elif path == "grant":
        grants = (await edge.get("/v1/grants", CIVILS)).json()["items"]
        (one,) = [
            one["id"]
            for one in grants
            if (one["consumer"], one["service"]) == (BENEFITS, "person-status")
        ]
        path = f"/v1/grants/{one}"
    assert await put(edge, path, {"state": state}, FOUNDER) == "200"
    assert code_of(await edge.send(edge.running.ask())) == code


async def test_a_grant_of_an_asks_id_for_something_else_does_not_answer_it(edge: Edge) -> None:
    id_ = (await edge.post("/v1/asks", ASK, MAPS)).json()["id"]
    other = {**(grant(POPULATION).object or {}), "id": id_}
    assert (await edge.post("/v1/grants", other, FOUNDER)).status_code == 201
    assert (await edge.get(f"/v1/asks/{id_}", MAPS)).json()["state"] == "asked"
    given = await edge.call("POST", f"/v1/asks/{id_}/give", CIVILS)
    assert code_of(given) == "role-missing", "the grant of this id is another member's"
    refused = await edge.post(f"/v1/asks/{id_}/refuse", {"reason": "Its id is taken."}, CIVILS)
    assert refused.json()["state"] == "refused"


async def test_who_is_suspended_asks_for_nothing(edge: Edge) -> None:
    member = "/v1/members/sx/GOV/3003"
    etag = (await edge.get(member, FOUNDER)).headers["etag"]
    suspended = {"state": "suspended"}
    await edge.call("PUT", member, FOUNDER, json=suspended, headers={"if-match": etag})
    assert code_of(await edge.post("/v1/asks", ASK, MAPS)) == "sender-suspended"


@pytest.mark.parametrize("id_", ["%00", "a%0A", "a" * 17, "A0123456789abcdef"])
async def test_what_is_no_id_of_an_ask_names_none(edge: Edge, id_: str) -> None:
    assert code_of(await edge.get(f"/v1/asks/{id_}", MAPS)) == "not-found"

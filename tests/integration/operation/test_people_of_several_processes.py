"""People and ends on a bus of two gateways: what one is told binds the other's very next call."""

from exchange.storage.people import StoredPerson
from registry.changes import Change
from signing.encoding import sha256
from tests.support.agencies import BENEFITS
from tests.support.http import AUDITOR, OPERATOR, code_of, edge_of, persons_token
from tests.support.shared_bus import Start, database, start

__all__ = ["database", "start"]


async def test_an_end_binds_the_next_call_on_every_gateway(start: Start) -> None:
    one, two = edge_of(await start()), edge_of(await start())
    person: StoredPerson = await one.person(AUDITOR)
    assert person.token_hash == sha256(persons_token(AUDITOR).encode())
    assert (await two.get("/v1/members", AUDITOR)).status_code == 200

    revoked = await one.call("POST", f"/v1/persons/{person.id}/revoke", OPERATOR)
    assert revoked.json()["state"] == "revoked"
    bearer = {"authorization": f"Bearer {persons_token(AUDITOR)}"}
    assert code_of(await two.get("/v1/members", headers=bearer)) == "token-invalid"
    assert code_of(await one.get("/v1/members", headers=bearer)) == "token-invalid"


async def test_a_suspension_binds_the_next_message_on_every_gateway(start: Start) -> None:
    first, second = await start(), await start()
    assert (await edge_of(second).send(second.ask())).status_code == 202
    await first.change(Change("system", {"state": "suspended"}, str(BENEFITS)))
    assert code_of(await edge_of(second).send(second.ask())) == "sender-suspended"
    await first.change(Change("system", {"state": "active"}, str(BENEFITS)))
    assert (await edge_of(second).send(second.ask())).status_code == 202
    x5t = first.keys[BENEFITS].x5t
    await first.change(Change("certificate", {"state": "revoked"}, x5t))
    assert code_of(await edge_of(second).send(second.ask())) == "certificate-revoked"


async def test_a_withdrawn_grant_covers_no_further_message_on_any_gateway(start: Start) -> None:
    first, second = await start(), await start()
    grants = first.bus.api.directory.current.grants_for(
        BENEFITS, "sx/GOV/2002/civil-registry", "person-status"
    )
    assert (await edge_of(second).send(second.ask())).status_code == 202
    await first.change(*(Change("grant", {"state": "withdrawn"}, one.id) for one in grants))
    assert code_of(await edge_of(second).send(second.ask())) == "not-allowed"

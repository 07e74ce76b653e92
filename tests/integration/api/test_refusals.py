"""What was refused under an id: for who signed it, each with its place and its proof."""

from registry.changes import Change
from signing.identifiers import new_message_id
from signing.log.note import parse_verifier_key
from signing.receipts import parse_receipt, verify_receipt
from tests.support.agencies import BENEFITS, CIVIL, POPULATION, STATISTICS
from tests.support.http import FOUNDER, Edge, code_of


def path(id_: str) -> str:
    return f"/v1/messages/{id_}/refusals"


async def test_each_refusal_of_an_id_is_told_with_its_proof(edge: Edge) -> None:
    request = edge.running.ask(purpose="no-such-purpose")
    places = []
    for _ in range(2):
        response = await edge.send(request)
        assert code_of(response) == "purpose-required"
        places.append(response.json()["refusal"])
    told = (await edge.get(path(request.manifest.id), BENEFITS)).json()
    assert told["id"] == request.manifest.id
    assert [{"log": one["log"], "index": one["index"]} for one in told["refusals"]] == places[::-1]
    logs = (await edge.get("/.well-known/sealway")).json()["logs"]
    keys = {one["origin"]: parse_verifier_key(one["key"]) for one in logs}
    for one in told["refusals"]:
        assert one["code"] == "purpose-required"
        assert one["envelope"] == request.envelope.decode()
        origin = parse_receipt(one["receipt"]).origin
        proven = verify_receipt(one["receipt"], request.envelope, keys[origin])
        assert (proven.leaf.k, proven.leaf.sender, proven.index) == (
            "refusal",
            BENEFITS,
            one["index"],
        )


async def test_nobody_else_learns_that_there_was_one(edge: Edge) -> None:
    request = edge.running.ask(purpose="no-such-purpose")
    await edge.send(request)
    unknown = await edge.get(path(new_message_id(edge.running.clock())), CIVIL)
    for who in (CIVIL, STATISTICS):  # its recipient, and somebody else
        response = await edge.get(path(request.manifest.id), who)
        assert code_of(response) == "not-found"
        assert response.json()["detail"] == unknown.json()["detail"]
    (seen,) = (await edge.get(path(request.manifest.id), FOUNDER)).json()["refusals"]
    assert "envelope" not in seen


async def test_what_was_accepted_has_none(edge: Edge) -> None:
    request = edge.running.ask(POPULATION)
    await edge.send(request)
    assert code_of(await edge.get(path(request.manifest.id), BENEFITS)) == "not-found"
    assert code_of(await edge.get(path("nonsense"), BENEFITS)) == "not-found"


async def test_a_full_mailbox_says_how_full_it_is(edge: Edge) -> None:
    for _ in range(2):
        assert (await edge.send(edge.running.ask(POPULATION))).status_code == 202
    await edge.running.change(Change("system", {"mailbox_max": 2}, STATISTICS))
    response = await edge.send(edge.running.ask(POPULATION))
    assert code_of(response) == "quota-exceeded"
    assert (response.json()["depth"], response.headers["retry-after"]) == (2, "5")

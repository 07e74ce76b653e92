"""A message's anchored receipt: made over HTTP, verified offline by whoever has the anchors."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sealway.verify.anchored import verify_anchored, verify_anchored_message
from signing.anchored import ANCHORED_TYPE, AnchoredReceipt, encode_anchored, parse_anchored
from signing.compose import Composed
from signing.envelope import verify_envelope
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, parse_checkpoint
from signing.log.note import note_text
from signing.log.policy import parse_policy
from tests.integration.witnessing.conftest import AskedBus
from tests.support.agencies import BENEFITS, CIVIL, STATISTICS
from tests.support.http import code_of
from tests.support.time_stamps import Authority


async def _anchored(asked: AskedBus) -> tuple[Composed, bytes]:
    request = asked.running.ask()
    await asked.running.send(request)
    await asked.running.until(request, "answered")
    await asked.heads()
    asked.running.clock.ahead_ms += 301_000
    for authority in asked.authorities:
        authority.late_ms = 301_000
    await asked.look()
    found = await asked.edge.get(
        f"/v1/messages/{request.manifest.id}/receipt?state=anchored", BENEFITS
    )
    assert found.status_code == 200, found.text
    assert found.headers["content-type"] == ANCHORED_TYPE
    return request, found.content


async def test_it_leads_from_a_message_to_what_others_vouched_for(asked: AskedBus) -> None:
    request, receipt = await _anchored(asked)
    envelope = verify_envelope(request.envelope, asked.running.bus.api.directory.current)
    roots = [asked.authorities[0].root]
    found = verify_anchored_message(receipt, envelope, asked.policy, roots)
    assert (found.log, found.leaf.k) == ("sx.example/log/1", "request")
    assert set(found.cosigned_s) == {"w1", "w2", "w3", "own"}
    assert found.timestamp is not None
    assert abs(found.timestamp.at_ms - asked.running.clock()) < 10_000
    assert found.checkpoint.origin == "sx.example/log/0"
    again = await asked.edge.get(
        f"/v1/messages/{request.manifest.id}/receipt?state=anchored", CIVIL
    )
    assert again.content == receipt, "either party's, at any time"


async def test_it_holds_under_the_callers_anchors_only(asked: AskedBus) -> None:
    request, receipt = await _anchored(asked)
    act, policy, roots = request.envelope, asked.policy, [asked.authorities[0].root]
    verify_anchored(receipt, act, policy, roots)
    four = "\n".join(asked.running.bus.api.witnessing.rules.policy_text([]).splitlines()[:4])
    stranger = f"{four}\ngroup all-of-them all {' '.join(policy.witnesses)}\nquorum all-of-them\n"
    without_log = parse_policy(stranger.encode())
    for anchors, authorities, said in (
        (without_log, roots, "does not know the log 0"),
        (policy, [Authority().root], "pinned root"),
        (policy, [asked.authorities[1].root], "pinned root"),
    ):
        with pytest.raises(ProofInvalid, match=said):
            verify_anchored(receipt, act, anchors, authorities)
    with pytest.raises(ProofInvalid, match="other bytes"):
        verify_anchored(receipt, act + b"x", policy, roots)


def _less_cosigned(receipt: bytes, kept: int) -> bytes:
    taken = parse_anchored(receipt)
    lines = taken.heads_receipt.splitlines(keepends=True)
    text = "".join(lines[: len(lines) - 4 + kept])
    return encode_anchored(_with(taken, heads_receipt=text))


def _with(taken: AnchoredReceipt, **more: Any) -> AnchoredReceipt:
    return replace(taken, **more)


async def test_each_piece_is_needed(asked: AskedBus) -> None:
    request, receipt = await _anchored(asked)
    policy, roots = asked.policy, [asked.authorities[0].root]
    taken = parse_anchored(receipt)

    def refused(changed: bytes, said: str | None) -> None:
        with pytest.raises(ProofInvalid, match=said):
            verify_anchored(changed, request.envelope, policy, roots)

    refused(_less_cosigned(receipt, 1), "Too few")
    verify_anchored(_less_cosigned(receipt, 2), request.envelope, policy, roots)
    refused(encode_anchored(_with(taken, timestamp=None)), "has no time-stamp")
    refused(encode_anchored(_with(taken, log="sx.example/log/2")), "no head of this log")
    refused(encode_anchored(_with(taken, size=taken.size + 1)), "no head of this log")
    refused(encode_anchored(_with(taken, path=taken.path[:-1])), None)
    refused(encode_anchored(_with(taken, index=taken.index + 1)), None)
    refused(encode_anchored(_with(taken, heads_record=taken.heads_record[:-4])), "other bytes")
    members = json.loads(receipt)
    for name in members:
        less = {key: value for key, value in members.items() if key != name}
        if name != "timestamp":
            refused(json.dumps(less).encode(), "members")
        refused(json.dumps({**members, name: [1.5]}).encode(), None)
    refused(json.dumps({**members, "more": 1}).encode(), "members")


async def test_the_other_root_is_the_heads_leafs_own_kind(asked: AskedBus) -> None:
    """A record of another kind in log 0, with the same shape, anchors nothing."""
    request, receipt = await _anchored(asked)
    found = await asked.edge.get("/v1/logs/1")
    members = found.json()
    changed = _with(
        parse_anchored(receipt),
        heads_record=members["record"].encode(),
        heads_receipt=members["receipt"],
    )
    with pytest.raises(ProofInvalid, match="no heads leaf"):
        verify_anchored(encode_anchored(changed), request.envelope, asked.policy)


async def test_before_it_is_anchored_it_is_not_there(asked: AskedBus) -> None:
    request = asked.running.ask()
    await asked.running.send(request)
    path = f"/v1/messages/{request.manifest.id}/receipt"
    early = await asked.edge.get(f"{path}?state=anchored", BENEFITS)
    assert (code_of(early), early.headers["retry-after"]) == ("anchor-not-yet", "60")
    assert (await asked.edge.get(path, BENEFITS)).status_code == 200
    assert (await asked.edge.get(f"{path}?state=provisional", BENEFITS)).status_code == 200
    stranger = await asked.edge.get(f"{path}?state=anchored", STATISTICS)
    assert code_of(stranger) == "not-found"
    assert code_of(await asked.edge.get(f"{path}?state=gold", BENEFITS)) == "request-invalid"


async def test_what_is_published_carries_the_cosignatures(asked: AskedBus) -> None:
    await asked.heads()
    await asked.look()
    note = (await asked.edge.get("/log/0/checkpoint")).text
    assert (await asked.edge.get("/log/0/cosigned")).text == note
    assert note.count("\n— ") == 5
    await asked.heads()
    newer = (await asked.edge.get("/log/0/checkpoint")).text
    assert newer.count("\n— ") == 1
    assert _checkpoint(newer).size == _checkpoint(note).size + 1
    assert (await asked.edge.get("/log/0/cosigned")).text == note
    told = parse_policy((await asked.edge.get("/log/0/policy")).content)
    assert told == asked.policy
    for path in ("/log/1/cosigned", "/log/1/policy", "/log/x/cosigned", "/log/0.1/cosigned"):
        assert code_of(await asked.edge.get(path)) == "not-found"


def _checkpoint(note: str) -> Checkpoint:
    return parse_checkpoint(note_text(note))

"""POST /v1/exports: for auditors, recorded before it leaves, and proven offline by what arrived."""

import io
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from exchange.storage.rows import AnchorRow
from registry.changes import Change
from sealway.audit.anchors import load_anchors, parse_anchors
from sealway.audit.container import Container
from sealway.audit.errors import AnchorsInvalid
from sealway.audit.inventory import parse_inventory
from sealway.audit.layout import INVENTORY
from sealway.audit.verdicts import BundleReport
from sealway.audit.verifying import verify_bundle
from signing.encoding import format_time
from signing.identifiers import member_of
from signing.log.cosignature import Cosigner
from signing.log.leaf import parse_leaf
from signing.log.tiles import parse_entries
from signing.sealed import SealedInvalid, open_sealed, recipient_of
from tests.integration.api.conftest import edge, initialised, running, stopped
from tests.support.agencies import BENEFITS, BUS, CIVIL, POPULATION
from tests.support.http import AUDITOR, FOUNDER, OPERATOR, Edge, code_of

__all__ = ["edge", "initialised", "running", "stopped"]


async def exported(edge: Edge, **asked: Any) -> bytes:
    response = await edge.post("/v1/exports", asked, AUDITOR)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/vnd.sealway.evidence+zip"
    return response.content


def proven(edge: Edge, data: bytes, folder: Path) -> BundleReport:
    """Verified as an auditor would, with anchors from elsewhere."""
    key = edge.running.bus.api.directory_log.writer.verifier_key
    (folder / "anchors.toml").write_text(f'bus = "{BUS}"\nlog_keys = ["{key}"]\n')
    (folder / "case.zip").write_bytes(data)
    report = verify_bundle(folder / "case.zip", load_anchors(folder / "anchors.toml"))
    assert report.verdict == "proven", report.findings.listed
    return report


async def ask(edge: Edge, count: int) -> None:
    for _ in range(count):
        assert (await edge.send(edge.running.ask())).status_code in (200, 202)


async def test_a_full_export_is_proven_offline_and_recorded_first(
    edge: Edge, tmp_path: Path
) -> None:
    await ask(edge, 3)
    report = proven(edge, await exported(edge, reason="case 12"), tmp_path)
    assert report.messages >= 3
    assert report.by.startswith("person:")
    leaves = parse_entries((await edge.get("/log/0/tile/entries/000.p/1", AUDITOR)).content)
    assert parse_leaf(next(leaves)).k == "trust"
    size = edge.running.bus.api.directory_log.writer.head.size
    found = await edge.get(f"/log/0/tile/entries/000.p/{size}", AUDITOR)
    kinds = [parse_leaf(leaf).k for leaf in parse_entries(found.content)]
    assert kinds[-2:] == ["export", "heads"]


async def test_a_later_range_begins_at_heads_and_holds_what_came_after(
    edge: Edge, tmp_path: Path
) -> None:
    await ask(edge, 4)
    first = proven(edge, await exported(edge), tmp_path)
    since = format_time(edge.running.clock() + 1)
    edge.running.clock.ahead_ms += 1_000
    await ask(edge, 2)
    later = proven(edge, await exported(edge, since=since), tmp_path)
    assert later.range[0] == first.range[1]
    assert later.leaves < first.leaves + later.leaves
    assert later.logs[0][1] == first.logs[0][2]


async def test_a_party_export_shows_its_members_alone(edge: Edge, tmp_path: Path) -> None:
    await ask(edge, 2)
    member = BENEFITS.rpartition("/")[0]
    own = proven(
        edge, await exported(edge, selection={"form": "party", "party": [member]}), tmp_path
    )
    assert own.messages >= 2
    data = await exported(edge, selection={"form": "party", "party": ["sx/GOV/9999"]})
    nobody = proven(edge, data, tmp_path)
    assert (nobody.messages, nobody.hidden) == (0, nobody.leaves)
    assert b"person-status" not in _traffic(data)
    assert nobody.not_provable == ("party",)


def _traffic(data: bytes) -> bytes:
    container = Container(io.BytesIO(data))
    return b"".join(container.read(name) for name in container.names() if "log/1" in name)


async def test_what_was_not_asked_for_stays_behind(edge: Edge, tmp_path: Path) -> None:
    await ask(edge, 2)
    bodies = [b'"alive"', b"{"]
    data = await exported(edge, selection={"kind": ["response"], "content": False})
    assert proven(edge, data, tmp_path).messages == 2
    assert bodies[0] not in _traffic(data)
    data = await exported(edge, selection={"purpose": ["no-such-purpose"]})
    assert proven(edge, data, tmp_path).listed == []
    assert bodies[0] not in _traffic(data)
    assert bodies[0] in _traffic(await exported(edge))


async def test_a_preview_counts_and_records_nothing(edge: Edge) -> None:
    await ask(edge, 1)
    await exported(edge)
    await ask(edge, 1)
    size = edge.running.bus.api.directory_log.writer.head.size
    asked = {"selection": {"kind": ["request"]}}
    told = (await edge.post("/v1/exports/preview", asked, AUDITOR)).json()
    assert told["selected"] == 2
    assert told["logs"][0]["selected"] == 2
    assert edge.running.bus.api.directory_log.writer.head.size == size


async def test_only_an_auditor_may(edge: Edge) -> None:
    for path in ("/v1/exports", "/v1/exports/preview"):
        assert code_of(await edge.post(path, {})) == "token-missing"
        for who in (BENEFITS, CIVIL, FOUNDER, OPERATOR):
            assert code_of(await edge.post(path, {}, who)) == "role-missing"


WRONG: list[dict[str, Any]] = [
    {"selection": {"colour": ["red"]}},
    {"selection": {"kind": ["heads"]}},
    {"selection": {"member": ["x"]}},
    {"selection": {"service": "person-status"}},
    {"selection": {"form": "party"}},
    {"selection": {"party": ["sx/GOV/1001"]}},
    {"selection": {"content": 1}},
    {"selection": {"service": ["a"] * 65}},
    {"since": "yesterday"},
    {"reason": "x" * 4_001},
    {"other": 1},
]


async def test_what_cannot_be_selected_is_refused(edge: Edge) -> None:
    size = edge.running.bus.api.directory_log.writer.head.size
    for asked in WRONG:
        assert code_of(await edge.post("/v1/exports", asked, AUDITOR)) == "request-invalid", asked
    assert edge.running.bus.api.directory_log.writer.head.size == size


async def test_the_inventory_says_who_asked_for_what(edge: Edge) -> None:
    data = await exported(edge, selection={"service": ["person-status"]})
    container = Container(io.BytesIO(data))
    said = parse_inventory(container.read(INVENTORY))
    assert said.bus == BUS
    assert said.by.startswith("person:")
    assert said.selection.service == ("person-status",)
    assert {one.name for one in said.files} | {INVENTORY} == set(
        Container(io.BytesIO(data)).names()
    )


async def test_what_others_vouched_for_comes_along(edge: Edge, tmp_path: Path) -> None:
    await ask(edge, 1)
    await exported(edge)
    witness = Cosigner("witness.example/w1", ed25519.Ed25519PrivateKey.generate())
    log = edge.running.bus.api.directory_log.writer
    assert log.signed is not None
    seen_s = edge.running.clock() // 1000
    note = log.signed.note + witness.cosign(log.signed.note, seen_s)
    await edge.running.store.keep_anchor(
        AnchorRow(0, log.signed.size, note, log.signed.size - 1, 1)
    )
    until = format_time(edge.running.clock() - 3_600_000)
    data = await exported(edge, until=until)
    (tmp_path / "case.zip").write_bytes(data)
    witnesses = f'[witnesses]\nquorum = 1\nkeys = ["{witness.verifier}"]\n'
    text = f'bus = "{BUS}"\nlog_keys = ["{log.verifier_key}"]\n{witnesses}'
    report = verify_bundle(tmp_path / "case.zip", parse_anchors(text.encode()))
    assert report.verdict == "proven", report.findings.listed
    assert report.t_hi_ms == seen_s * 1000
    other = text.replace("quorum = 1", "quorum = 0") + '\n[timestamps]\nroots = ["x"]\n'
    with pytest.raises(AnchorsInvalid, match="roots"):
        parse_anchors(other.encode())


@pytest.mark.parametrize("form", ["full", "party"])
async def test_a_consumer_that_confirmed_its_answer_is_proven_to_have(
    edge: Edge, tmp_path: Path, form: str
) -> None:
    await edge.running.change(Change("system", {"id": BENEFITS, "answers": "mailbox"}))
    request = edge.running.ask(POPULATION)
    for message in (request, edge.running.reply(request)):
        assert await edge.running.outcome(message) == "accepted"
    mailbox = edge.running.bus.api.mailbox
    (held,) = await mailbox.lease(BENEFITS, [], 10, 60, 0, ["response"])
    await mailbox.confirm(BENEFITS, held.token)
    party = {"selection": {"form": "party", "party": [member_of(BENEFITS)]}}
    proven(edge, await exported(edge, **(party if form == "party" else {})), tmp_path)


async def test_a_sealed_export_opens_for_its_recipient_and_says_so_in_its_record(
    edge: Edge, tmp_path: Path
) -> None:
    await ask(edge, 2)
    key = X25519PrivateKey.generate()
    body = {"recipient": recipient_of(key), "reason": "case 13"}
    response = await edge.post("/v1/exports", body, AUDITOR)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/vnd.sealway.sealed"
    assert response.headers["content-disposition"].endswith('.zip.sealed"')
    assert b"inventory" not in response.content
    with pytest.raises(SealedInvalid):
        list(open_sealed(io.BytesIO(response.content), X25519PrivateKey.generate()))
    data = b"".join(open_sealed(io.BytesIO(response.content), key))
    proven(edge, data, tmp_path)
    found = (await edge.get("/v1/reads", AUDITOR)).json()["items"]
    assert recipient_of(key) in str(found[-1]) + str(found[0])


async def test_a_recipient_that_is_no_key_is_refused_and_nothing_recorded(edge: Edge) -> None:
    size = edge.running.bus.api.directory_log.writer.head.size
    for wrong in ("", "auditor@example", "A" * 43):
        refused = await edge.post("/v1/exports", {"recipient": wrong}, AUDITOR)
        assert (refused.status_code, code_of(refused)) == (422, "request-invalid"), refused.text
    assert edge.running.bus.api.directory_log.writer.head.size == size

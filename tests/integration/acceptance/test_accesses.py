"""What people read and take away is a leaf of log 0, signed before anything is shown."""

import pytest

from exchange.acceptance.accesses import ContentRead
from exchange.acceptance.changes import Actor
from exchange.ledger.entries import Placed
from sealway.verify.audit import verify_folder
from sealway.verify.epoch_files import load_epoch_files
from sealway.verify.record_rows import nonce_of
from signing.at_rest import SealedEnvelope, open_envelope
from signing.encoding import b64url_encode
from signing.errors import SealwayError
from signing.identifiers import message_id_bytes
from signing.log.leaf import parse_leaf
from signing.log.note import parse_verifier_key
from signing.receipts import verify_receipt
from signing.records import Record, decode_record
from tests.support.agencies import BENEFITS, POPULATION
from tests.support.bus import RunningBus

AUDITOR = Actor("person:a1", "auditor")


async def _opened(running: RunningBus, place: Placed) -> tuple[bytes, Record]:
    row = await running.bus.api.reads.record(place.shard, place.index)
    assert row is not None
    data, salt, key = row
    assert key is not None, "sealed: it says something of people"
    epochs = load_epoch_files([running.folder / "keys" / "epoch-1"])
    assert epochs is not None
    raw, opened_salt = open_envelope(
        SealedEnvelope(data, key, salt), nonce_of(parse_leaf(place.leaf)), epochs
    )
    assert opened_salt == place.leaf_salt
    return raw, decode_record(raw)


async def test_a_read_is_a_signed_leaf_that_names_the_parties_and_no_person(
    running: RunningBus,
) -> None:
    asked = running.ask(POPULATION)
    await running.send(asked)
    opened = await running.bus.api.opened.message(message_id_bytes(asked.manifest.id))
    assert opened is not None
    read = ContentRead(opened.manifest, opened.place.leaf_hash, "body")
    (place,) = await running.bus.api.accesses.record_reads([read], AUDITOR, "case 17/2026")
    leaf = parse_leaf(place.leaf)
    assert (place.shard, leaf.k, leaf.sender, leaf.svc) == (0, "read", BENEFITS, POPULATION)
    assert leaf.ref == b64url_encode(opened.place.leaf_hash)
    assert b"a1" not in place.leaf.replace(leaf.env.encode(), b"")
    raw, record = await _opened(running, place)
    assert (record.actor, record.role, record.act) == ("person:a1", "auditor", "content-read")
    assert (record.noun, record.key) == ("message", asked.manifest.id)
    assert record.after == {"part": "body", "reason": "case 17/2026"}
    receipt = await running.bus.api.receipts.receipt(place)
    key = parse_verifier_key(running.bus.api.directory_log.writer.verifier_key)
    assert verify_receipt(receipt, raw, key).index == place.index


async def test_an_export_says_what_is_taken_away(running: RunningBus) -> None:
    taken = {"range": {"from": 3, "to": 9}, "recipient": "sha256:1"}
    place = await running.bus.api.accesses.record_export("case-17", taken, AUDITOR, "case 17")
    leaf = parse_leaf(place.leaf)
    assert (leaf.k, leaf.sender, leaf.to, leaf.ref) == ("export", None, None, None)
    _, record = await _opened(running, place)
    assert (record.noun, record.key) == ("bundle", "case-17")
    assert record.after == {**taken, "reason": "case 17"}


async def test_many_reads_are_all_recorded_or_none(running: RunningBus) -> None:
    asked = [running.ask(POPULATION) for _ in range(3)]
    reads = []
    for one in asked:
        place = (await running.send(one)).place
        reads.append(ContentRead(one.manifest, place.leaf_hash))
    log = running.bus.api.directory_log.writer
    before, version = log.head.size, running.bus.api.directory.version
    running.store.failing = True
    with pytest.raises(SealwayError):
        await running.bus.api.accesses.record_reads(reads, AUDITOR)
    running.store.failing = False
    assert log.head.size == before
    places = await running.bus.api.accesses.record_reads(reads, AUDITOR)
    assert [place.index for place in places] == [before, before + 1, before + 2]
    assert log.signed is not None
    assert log.signed.size == before + 3
    assert running.bus.api.directory.version == version


async def test_the_folder_is_proven_with_them_in_it(running: RunningBus) -> None:
    asked = running.ask(POPULATION)
    place = (await running.send(asked)).place
    await running.bus.api.accesses.record_reads(
        [ContentRead(asked.manifest, place.leaf_hash)], AUDITOR
    )
    await running.bus.api.accesses.record_export("case-1", {}, AUDITOR)
    key = running.bus.api.directory_log.writer.verifier_key
    await running.close()
    epochs = load_epoch_files([running.folder / "keys" / "epoch-1"])
    report = verify_folder(running.folder / "data", key, epochs)
    assert report.findings.listed == []
    assert report.verdict == "proven"

"""What a minute's counted refusals commit to, and that an audit of the folder proves it."""

import pytest

from exchange.acceptance.accept import Refused
from exchange.ledger.stored_log import read_leaves
from sealway.verify.audit import verify_folder
from sealway.verify.epoch_files import load_epoch_files
from sealway.verify.record_rows import nonce_of
from signing.at_rest import SealedEnvelope, open_envelope
from signing.compose import Composed
from signing.encoding import b64_encode, b64url_decode
from signing.envelope import verify_envelope
from signing.log.leaf import Leaf, commit_to, parse_leaf
from signing.log.merkle import leaf_hash, merkle_root
from signing.records import Record, decode_record
from tests.support.agencies import BENEFITS, POPULATION
from tests.support.bus import RunningBus


async def _refused(running: RunningBus, count: int) -> list[Composed]:
    """Refused messages of one second, in the order of their sending."""
    running.clock.held_ms = running.clock()
    messages = [running.ask(POPULATION, purpose="curiosity") for _ in range(count)]
    for one in messages:
        with pytest.raises(Refused):
            await running.send(one)
    return messages


async def _last(running: RunningBus) -> tuple[Leaf, Record]:
    """The traffic log's last leaf and the record that it commits to."""
    index = running.writers[1].head.size - 1
    (raw,) = await read_leaves(running.bus.api.reads, 1, index, index + 1)
    leaf = parse_leaf(raw)
    row = await running.bus.api.reads.record(1, index)
    assert row is not None
    data, salt, key = row
    epochs = load_epoch_files([running.folder / "keys" / "epoch-1"])
    assert key is not None
    assert epochs is not None
    record, opened_salt = open_envelope(SealedEnvelope(data, key, salt), nonce_of(leaf), epochs)
    assert commit_to(opened_salt, record) == leaf.env
    return leaf, decode_record(record)


async def test_the_count_commits_to_each_refused_envelope_and_is_proven(
    running: RunningBus,
) -> None:
    messages = await _refused(running, 14)
    await running.close()
    await running.open()
    leaf, record = await _last(running)
    assert (leaf.k, leaf.sender, leaf.to, leaf.svc) == ("refusal", BENEFITS, None, None)
    directory = running.bus.api.directory.current
    digests = [verify_envelope(one.envelope, directory).digest for one in messages[10:]]
    root = merkle_root([leaf_hash(b64url_decode(digest)) for digest in digests])
    assert record.after == {"code": "purpose-required", "count": 4, "root": b64_encode(root)}
    key = running.bus.api.directory_log.writer.verifier_key
    await running.close()
    epochs = load_epoch_files([running.folder / "keys" / "epoch-1"])
    report = verify_folder(running.folder / "data", key, epochs)
    assert (report.verdict, report.findings.listed) == ("proven", [])

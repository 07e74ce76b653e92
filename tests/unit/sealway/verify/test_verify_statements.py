"""What the bus itself states of deliveries is sealed, signed and about the right exchange."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.acceptance.record import Act, Parties, Recorder
from exchange.delivery.statements import dead_entry, delivered_entry, expired_entry
from exchange.ledger.entries import RecordEntry
from exchange.operation.key_files import load_bus_signer, load_epoch_keys
from sealway.verify.audit import verify_folder
from sealway.verify.epoch_files import load_epoch_files
from tests.support.recorded_bus import (
    CONSUMER,
    FOUNDER,
    RecordedBus,
    make_bus,
    now_ms,
    registrations,
    request,
    send,
    start,
)


@pytest.fixture(scope="module", params=["honest", "about-another", "of-another-kind", "twice"])
def bus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    made = make_bus(tmp_path_factory.mktemp("bus") / request.param)
    asyncio.run(_live(made, request.param))
    return made


async def _live(made: RecordedBus, manner: str) -> None:
    bus = await start(made)
    keys = made.folder / "keys"
    recorder = Recorder(load_bus_signer(keys)[0], load_epoch_keys(keys))
    await bus.api.directory_log.change(registrations(made), FOUNDER)
    version = bus.api.directory.version
    asked, other = request(made), request(made)
    hash_ = (await send(bus, asked)).place.leaf_hash
    await send(bus, other)
    about = (other if manner == "about-another" else asked).manifest
    await bus.committer.submit(dead_entry(recorder, about, hash_, "refused", now_ms()), version)
    confirmed = delivered_entry(recorder, asked.manifest, hash_, 1, now_ms())
    await bus.committer.submit(_unconditional(confirmed), version)
    for _ in range(2 if manner == "twice" else 1):
        ended = expired_entry(recorder, asked.manifest, hash_, now_ms())
        await bus.committer.submit(_unconditional(ended), version)
    kind = "dead" if manner == "of-another-kind" else "refusal"
    after = {"code": "rate-exceeded", "count": 12, "root": "x"}
    counted = Act(kind, "refusals-counted", "system", CONSUMER, after)
    entry = recorder.traffic_entry(counted, now_ms(), Parties(CONSUMER))
    leaf = replace(entry.leaf, k="refusal")
    await bus.committer.submit(replace(entry, leaf=leaf), version)
    await bus.close()


def _unconditional(entry: RecordEntry) -> RecordEntry:
    return replace(entry, end=None, kill=None, confirm=None)


EXPECTED = {
    "honest": {},
    "about-another": {"record-differs": 1},
    "of-another-kind": {"record-differs": 1},
    "twice": {"answer-unpaired": 1},
}


def test_statements_are_opened_verified_and_paired(bus: RecordedBus) -> None:
    report = verify_folder(bus.data, bus.log_key, load_epoch_files([bus.epoch_file]))
    assert dict(report.findings.counts) == EXPECTED[bus.folder.name], report.findings.listed
    assert report.open_exchanges == 1


def test_without_keys_they_are_counted_as_not_readable(bus: RecordedBus) -> None:
    report = verify_folder(bus.data, bus.log_key, None)
    statements = 5 if bus.folder.name == "twice" else 4
    assert report.findings.counts["envelopes-not-readable"] == 2 + statements


def test_with_the_key_of_another_epoch_only_they_are_undecided(
    bus: RecordedBus, tmp_path: Path
) -> None:
    other = tmp_path / "epoch-2"
    other.write_bytes(bytes(32))
    report = verify_folder(bus.data, bus.log_key, load_epoch_files([other]))
    assert report.findings.counts["epoch-key-missing"] >= 6
    assert report.verdict != "proven"


def test_with_another_epoch_key_nothing_can_be_told(bus: RecordedBus, tmp_path: Path) -> None:
    other = tmp_path / "epoch-1"
    other.write_bytes(bytes(32))
    report = verify_folder(bus.data, bus.log_key, load_epoch_files([other]))
    lied = bus.folder.name == "twice"  # what needs no key to be seen
    assert set(report.findings.counts) - {"answer-unpaired"} == {"epoch-key-wrong"}
    assert report.verdict.exit_code == (1 if lied else 2)

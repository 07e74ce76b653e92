"""As of when, and how completely: T_lo and T_hi, and what no bundle can prove complete."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from sealway.audit.anchors import parse_anchors
from sealway.audit.selection import Selection
from sealway.audit.verifying import verify_bundle
from signing.encoding import format_time, parse_time
from signing.log.cosignature import Cosigner
from tests.attacks.on_bundles import ACTS, ZERO, sign
from tests.attacks.tools import acts, joined_acts, note, root, sha, split, unpack
from tests.support.recorded_bus import (
    BUS,
    FOUNDER,
    RecordedBus,
    exchange_one,
    make_bus,
    now_ms,
    registrations,
    request,
    send,
    start,
)

T = parse_time("2026-11-22T06:40:00.000Z") // 1000
ONE, TWO = (Cosigner(f"w{n}.example/w", ed25519.Ed25519PrivateKey.generate()) for n in (1, 2))
Bundles = dict[str, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RecordedBus:
    """A bus with `later.zip`, a range between two heads, and `purpose.zip`."""
    bus_made = make_bus(tmp_path_factory.mktemp("bus"))

    async def export(bus: Any, name: str, selection: Selection, since: int | None) -> None:
        pieces = await bus.api.exports.export(selection, since, None, FOUNDER, None, name)
        with (bus_made.folder / f"{name}.zip").open("wb") as file:
            async for piece in pieces:
                file.write(piece)

    async def live() -> None:
        bus = await start(bus_made)
        try:
            await bus.api.directory_log.change(registrations(bus_made), FOUNDER)
            await exchange_one(bus, bus_made)
            await export(bus, "first", Selection(), None)
            await asyncio.sleep(0.005)
            since = now_ms()
            await exchange_one(bus, bus_made)
            await send(bus, request(bus_made))
            purpose = Selection(purpose=("child-benefit",))
            await export(bus, "purpose", purpose, None)
            await export(bus, "later", Selection(), since)
        finally:
            await bus.close()

    asyncio.run(live())
    return bus_made


@pytest.fixture
def copy_of(made: RecordedBus, tmp_path: Path) -> Callable[[str], Path]:
    """A bundle to change, with the operator's keys beside it."""

    def copy(name: str) -> Path:
        shutil.copytree(made.folder / "keys", tmp_path / "keys")
        return Path(shutil.copyfile(made.folder / f"{name}.zip", tmp_path / "case.zip"))

    return copy


def vouched(case: Path, moments: dict[int, dict[Cosigner, int]]) -> None:
    """Put cosigned checkpoints of these sizes into a bundle: who saw it, and when."""
    files = unpack(case)
    leaves = [sha(b"\x00" + leaf) for leaf in split(files[ZERO])]
    for size, seen in moments.items():
        text = note(f"{BUS}/log/0", size, root(leaves[:size]), case.parent / "keys" / "log-0")
        whole = text + "".join(cosigner.cosign(text, at) for cosigner, at in seen.items())
        files[f"anchors/{size:012d}.note"] = whole.encode()
    sign(case, files)


def anchors(made: RecordedBus, quorum: int = 1) -> str:
    keys = f'["{ONE.verifier}", "{TWO.verifier}"]'
    text = f'bus = "{BUS}"\nlog_keys = ["{made.log_key}"]\n'
    return f"{text}[witnesses]\nquorum = {quorum}\nkeys = {keys}\n"


def told(case: Path, text: str) -> dict[str, Any]:
    return verify_bundle(case, parse_anchors(text.encode())).to_object()


def at(seconds: int) -> str:
    return format_time(1000 * (T + seconds))


def ends(made: RecordedBus, case: Path) -> tuple[int, int]:
    first, last = told(case, anchors(made))["range"]["heads"]
    assert 0 < first < last - 2
    return first, last


def test_trusted_times_are_those_next_to_the_range(
    made: RecordedBus, copy_of: Callable[[str], Path]
) -> None:
    case = copy_of("later")
    first, last = ends(made, case)
    sizes = {first - 1: 1, first + 1: 10, first + 2: 20, last: 30, last + 1: 40}
    vouched(case, {size: {ONE: T + seconds} for size, seconds in sizes.items()})
    said = told(case, anchors(made))
    assert (said["verdict"], said["finding_counts"]) == ("proven", {})
    found = said["range"]
    assert (found["t_lo"], found["t_hi"]) == (at(10), at(40))
    assert found["trusted_time"] == ["witnesses"]


def test_a_moment_within_the_range_bounds_neither_end(
    made: RecordedBus, copy_of: Callable[[str], Path]
) -> None:
    case = copy_of("later")
    first, last = ends(made, case)
    vouched(case, {first + 2: {ONE: T}, last: {ONE: T + 1}})
    said = told(case, anchors(made))
    assert (said["range"]["t_lo"], said["range"]["t_hi"]) == (None, None)
    assert (said["exit"], said["finding_counts"]) == (2, {"not-witnessed": 1})


def test_a_quorum_is_there_when_the_last_of_it_saw_it(
    made: RecordedBus, copy_of: Callable[[str], Path]
) -> None:
    case = copy_of("later")
    first, last = ends(made, case)
    vouched(case, {first: {ONE: T, TWO: T + 5}, last + 1: {ONE: T + 60, TWO: T + 50}})
    said = told(case, anchors(made, quorum=2))
    assert (said["range"]["t_lo"], said["range"]["t_hi"]) == (at(5), at(60))


def test_from_the_beginning_there_is_no_earlier_time(
    made: RecordedBus, copy_of: Callable[[str], Path]
) -> None:
    case = copy_of("first")
    last = told(case, anchors(made))["range"]["heads"][1]
    vouched(case, {1: {ONE: T}, last + 1: {ONE: T + 9}})
    found = told(case, anchors(made))["range"]
    assert (found["heads"][0], found["t_lo"], found["t_hi"]) == (None, None, at(9))


def test_a_purpose_is_complete_as_long_as_every_envelope_is_there(
    made: RecordedBus, copy_of: Callable[[str], Path]
) -> None:
    case = copy_of("purpose")
    text = f'bus = "{BUS}"\nlog_keys = ["{made.log_key}"]\n'
    said = told(case, text)
    assert (said["verdict"], said["completeness"]["not_provable"]) == ("proven", [])
    files = unpack(case)
    found = acts(files[ACTS])
    found[0], found[1] = ((one[0], 0, bytes(32), b"erased") for one in found[:2])
    files[ACTS] = joined_acts(found)
    sign(case, files)
    said = told(case, text)
    assert (said["exit"], said["completeness"]["not_provable"]) == (2, ["purpose"])
    assert said["finding_counts"] == {"act-gone": 2}

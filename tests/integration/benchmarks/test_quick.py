"""The benchmark runs, checks what it measures, and says so in the form that its readers expect."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import bodies
from benchmarks.figures import Leg, p1, row, shown, table
from benchmarks.load import _is_whole
from benchmarks.profiling import LOOP, stage_of
from schemas.catalogue import Validators, admit
from tests.house.source import ROOT

LAST_LINE = re.compile(r"bench-quick: P1 (\d\.\d\d) of 0\.40")


def _leg(target: str, round_: int, count: int, client_cpu_s: float = 0.1) -> Leg:
    return Leg(target, 32, round_, count, 0, 1, 1.0, 5.0, 9.0, client_cpu_s, 0.5, 0.1)


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    rounds = [("bus", 400, 500, 450), ("proxy", 1_000, 1_000, 3_000)]
    legs = [_leg(name, at, count) for name, *counts in rounds for at, count in enumerate(counts)]
    assert p1(legs, 32) == 0.4


def test_a_ratio_below_a_limit_is_not_shown_as_the_limit() -> None:
    assert [shown(0.2499), shown(0.25), shown(0.29), shown(0.409)] == [
        "0.24",
        "0.25",
        "0.29",
        "0.40",
    ]


def test_a_run_whose_load_took_most_of_a_core_is_marked() -> None:
    assert row([_leg("bus", 1, 100, client_cpu_s=0.61)], "bus", 32).is_client_bound
    assert not row([_leg("bus", 1, 100, client_cpu_s=0.59)], "bus", 32).is_client_bound


def test_the_table_names_the_client_bound_figure() -> None:
    legs = [_leg(target, 1, 100, client_cpu_s=0.7) for target in ("bus", "proxy", "direct")]
    assert all("client-bound" in line for line in table([*legs], 32, alone=32)[1:])


@pytest.mark.parametrize(
    ("make", "schema"),
    [
        (bodies.request_body, bodies.REQUEST_SCHEMA),
        (bodies.answer_body, bodies.RESPONSE_SCHEMA),
    ],
)
def test_bodies_have_2_kb_and_satisfy_their_schema(make: object, schema: Path) -> None:
    assert callable(make)
    admitted = admit("json-schema", schema.read_text("utf-8"))
    validator = Validators(16).get(admitted.fingerprint, admitted.text)
    for number in range(20):
        body = make(number)
        assert len(body) == bodies.BODY_BYTES
        assert validator.check(body)


def test_a_response_is_whole_when_its_length_has_arrived() -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nx: y\r\n\r\nabc"
    assert _is_whole(response)
    assert not any(_is_whole(response[:size]) for size in range(len(response)))


def test_the_innermost_known_frame_names_the_stage() -> None:
    frames = ["Runner.run (asyncio)", "Acceptance.take (x)", "Validator.check (y)", "parse (z)"]
    assert stage_of(frames) == "payload: strict JSON, schema"
    assert stage_of(frames[:1]) == LOOP


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_short_run_ends_with_its_ratio_and_leaves_its_figures() -> None:
    command = [sys.executable, "benchmarks/quick.py", "--rounds", "1", "--seconds", "0.6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    said = LAST_LINE.fullmatch(lines[-1])
    assert said, done.stdout + done.stderr
    assert lines[0] == "durability as read back: journal_mode wal, synchronous FULL"
    (path,) = [line.partition(",")[0] for line in lines if line.startswith("benchmarks/results/")]
    written = json.loads((ROOT / path).read_text("utf-8"))
    assert shown(written["P1"]["ratio"]) == said[1]
    assert sum(leg["failed"] for leg in written["legs"]) == 0
    assert sum(leg["checked"] for leg in written["legs"] if leg["target"] == "bus") > 0
    (ROOT / path).unlink()

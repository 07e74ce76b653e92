"""Which faults come, and what was in flight when they did."""

import json
import random
from collections import Counter
from pathlib import Path

from tests.faults.cluster.inflight import InFlight
from tests.faults.cluster.plan import plan, possible

EVERYTHING = {"kafka", "postgres", "faketime"}


def test_the_seed_alone_tells_the_plan() -> None:
    plans = [[*plan(60, EVERYTHING, random.Random(seed))] for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]


def test_as_many_faults_as_asked_for_and_each_kind_among_them() -> None:
    batches = [*plan(60, EVERYTHING, random.Random(7))]
    made = Counter(one.fault.name for batch in batches for one in batch)
    assert sum(made.values()) == 60
    assert set(made) == {one.name for one in possible(EVERYTHING)}


def test_what_goes_alone_goes_alone_and_no_victim_suffers_twice_at_once() -> None:
    batches = [*plan(500, EVERYTHING, random.Random(7))]
    pairs = [batch for batch in batches if len(batch) == 2]
    assert pairs
    assert not any(one.fault.alone for pair in pairs for one in pair)
    assert all(first.victim != second.victim for first, second in pairs)


def test_a_fault_whose_engine_is_not_ours_is_left_out() -> None:
    without = {one.name for one in possible({"kafka"})}
    assert not without & {"kill postgres", "restore copy", "shift clock"}
    assert {"kill kafka", "delete topics"} <= without
    assert "kill kafka" not in {one.name for one in possible({"postgres"})}


def write(path: Path, *lines: dict[str, object], end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(json.dumps(line) for line in lines) + end)


def test_in_flight_is_told_while_journals_are_being_written(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    flying = InFlight(first, second)
    assert flying.at(0.5) == (0, 0)
    write(first, {"event": "made", "at": 1.0, "id": "a"}, {"event": "sent", "at": 1.1, "id": "a"})
    write(second, {"event": "made", "at": 1.0, "id": "b"}, {"event": "sent", "at": 3.0, "id": "b"})
    write(first, {"event": "receipt", "at": 2.0, "id": "a"})
    assert flying.at(1.5) == (1, 2)
    assert flying.taken_at == 0.0
    write(first, {"event": "made", "at": 2.5, "id": "c"}, end="")
    assert flying.at(2.2) == (0, 1)
    assert flying.taken_at == 2.0
    write(first, end="\n")
    write(second, {"event": "broken", "at": 3.5, "id": "b"})
    assert flying.at(3.2) == (1, 2)
    assert flying.at(4.0) == (0, 2)

"""The worker process: answers, is killed in time, is replaced, needs nothing of the environment."""

import time
from collections.abc import Iterator

import pytest

from schemas.compatibility.levels import Policy
from schemas.compatibility.verdicts import Answer
from sealway.comparing import Worker, limits
from tests.support.schema_changes import DIALECT

TEXT = {"$schema": DIALECT, "type": "string"}
SHORT = {**TEXT, "maxLength": 3}


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker() as one:
        yield one


def test_it_answers_like_the_judge(worker: Worker) -> None:
    judged = worker.judge(TEXT, SHORT, Policy.STRICT)
    assert judged.answer is Answer.NO
    assert judged.witness is not None
    assert len(judged.witness.instance) == 4
    assert worker.judge(SHORT, TEXT, Policy.STRICT).answer is Answer.YES


HALF = "import sys, time; sys.stdin.readline(); print('{', end='', flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import time; time.sleep(60)", "longer than 0.5 s"),
        (HALF, "longer than 0.5 s"),
        ("import os, sys; sys.stdin.readline(); os.abort()", "ended by itself"),
        ("import sys; sys.exit(3)", "ended by itself"),
    ],
    ids=["silent", "half an answer", "crashed", "never ready"],
)  # fmt: skip
def test_what_gives_no_answer_is_unknown_in_time(program: str, said: str) -> None:
    with Worker(time_s=0.5, program=program) as worker:
        for _ in range(2):
            begun = time.monotonic()
            judged = worker.judge(TEXT, SHORT, Policy.STRICT)
            assert time.monotonic() - begun < 3
            assert judged.answer is Answer.UNKNOWN
            assert said in judged.reason


def test_memory_is_bounded() -> None:
    greedy = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
        "from schemas.compatibility import judge as module; "
        "module.canonicalize = lambda *_, **__: bytearray(1 << 40); "
        "from sealway.comparing.child import run; run(int(sys.argv[2]))"
    )
    with Worker(program=greedy) as worker:
        judged = worker.judge(TEXT, SHORT, Policy.STRICT)
    assert judged.answer is Answer.UNKNOWN
    assert "memory" in judged.reason


def test_a_process_is_replaced_after_its_share(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "JUDGEMENTS_MAX", 1)
    for _ in range(3):
        assert worker.judge(TEXT, TEXT, Policy.STRICT).answer is Answer.YES


def _branches(names: str) -> dict[str, object]:
    ways = {
        name: {
            "type": "object",
            "properties": {name: {"oneOf": [{"$ref": "#"}, {"type": "null"}]}, "to": {"$ref": "#"}},
        }
        for name in names
    }
    return {"$schema": DIALECT, "oneOf": [{"$ref": f"#/$defs/{name}"} for name in names],
            "$defs": ways}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (_branches("abcdefghijkl"), _branches("abcdefghijk")),
        ({"$schema": DIALECT, "properties": {f"f{i}": {"maxLength": i} for i in range(4_000)}},
         {"$schema": DIALECT, "properties": {f"f{i}": {"maxLength": i + 1} for i in range(4_000)}}),
        ({"$schema": DIALECT, "pattern": f"^[a-z]{{1,{4_000}}}$"},
         {"$schema": DIALECT, "pattern": f"^[a-z]{{1,{3_999}}}$"}),
    ],
    ids=["12-way recursive oneOf", "4,000 fields", "a long pattern"],
)  # fmt: skip
def test_hard_pairs_end_within_the_limit_and_never_wrongly(old: object, new: object) -> None:
    with Worker(time_s=8) as worker:
        for policy in Policy:
            begun = time.monotonic()
            judged = worker.judge(old, new, policy)
            assert time.monotonic() - begun < 12
            assert judged.answer in Answer

"""The bus's comparer: answers in time, keeps a few reports, takes a few questions at once."""

import asyncio
import json
import threading
from typing import Any

import pytest

from exchange.acceptance.comparing import REPORTS_KEPT, WAITING_MAX, Comparer
from exchange.acceptance.errors import RateExceeded
from registry.compatibility import Comparison, compared
from registry.subjects import Rules
from schemas.compatibility.levels import Level
from schemas.compatibility.verdicts import Answer, Judged
from schemas.formats.port import Source
from schemas.reasons import DIALECT_2020_12


def source(name: object, format: str = "json-schema") -> Source:
    text = json.dumps({"$schema": DIALECT_2020_12, "title": str(name)})
    return Source(f"sha256:{name}", format, text)


def comparison(
    new: object = "new", earlier: int = 1, level: Level = Level.BACKWARD_TRANSITIVE
) -> Comparison:
    return Comparison(
        source(new), tuple((n, source(n)) for n in range(1, earlier + 1)), Rules(level)
    )


def yes(*_: Any) -> Judged:
    return Judged(Answer.YES, "Said so.")


async def test_readings_that_come_too_late_are_unknown_and_so_is_the_whole() -> None:
    times = iter([0.0, 1.0, 2.0, 31.0, 32.0])
    comparer = Comparer(yes, now_s=lambda: next(times))
    report = await comparer.report(comparison(earlier=4))
    answers = [one.judged.answer for one in report.findings]
    assert answers == [Answer.YES, Answer.YES, Answer.UNKNOWN, Answer.UNKNOWN]
    assert report.answer is Answer.UNKNOWN
    await comparer.close()


async def test_a_report_is_made_once_and_only_some_are_kept() -> None:
    asked: list[str] = []

    def judge(writer: Any, reader: Any, policy: Any) -> Judged:
        asked.append(reader["title"])
        return yes()

    comparer = Comparer(judge)
    for _ in range(2):
        await comparer.report(comparison())
    assert asked == ["new"]
    for number in range(REPORTS_KEPT):
        await comparer.report(comparison(number))
    assert comparer.kept(comparison()) is None
    assert comparer.kept(comparison(0)) is not None
    await comparer.close()


async def test_only_some_wait_and_a_comparer_that_closes_says_unknown() -> None:
    go_on = threading.Event()

    def judge(*_: Any) -> Judged:
        go_on.wait(10)
        return yes()

    comparer = Comparer(judge)
    waiting = [asyncio.create_task(comparer.report(comparison(n, 2))) for n in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(RateExceeded):
        await comparer.report(comparison("one more"))
    closing = asyncio.create_task(comparer.close())
    await asyncio.sleep(0)
    go_on.set()
    first = await waiting[0]
    await closing
    assert first.findings[-1].judged.answer is Answer.UNKNOWN
    rest = await asyncio.gather(*waiting[1:], return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in rest)


def test_findings_name_versions_by_their_own_numbers_and_other_formats_are_unknown() -> None:
    gaps = Comparison(source("new"), ((2, source("a")), (7, source("b"))), Rules())
    found = compared(gaps, yes).findings
    assert [one.reading.version for one in found] == [7, 7, 2, 2]
    xsd = Comparison(source("new", "xsd"), ((1, source("a", "xsd")),), Rules())
    assert compared(xsd, yes).answer is Answer.UNKNOWN
    mixed = Comparison(source("new"), ((1, source("a", "avro")),), Rules())
    assert compared(mixed, yes).answer is Answer.UNKNOWN


def test_avro_is_judged_by_its_own_rules() -> None:
    int_, long_ = (Source(f"sha256:{name}", "avro", f'"{name}"') for name in ("int", "long"))
    wider = Comparison(long_, ((1, int_),), Rules(Level.BACKWARD))
    assert compared(wider, yes).answer is Answer.YES
    assert compared(Comparison(int_, ((1, long_),), Rules(Level.BACKWARD)), yes).answer is Answer.NO

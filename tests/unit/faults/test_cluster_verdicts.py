"""The judgement of a cluster's run, on histories made up for it: each check holds, and can fail."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.cluster.histories import (
    Found,
    History,
    Log,
    LogLeaf,
    Proof,
    Refusal,
    Restored,
    Seen,
    Sent,
    Withdrawal,
)
from tests.faults.cluster.verdicts import judge, ratio, shown_lost

LOG = "sx.example/log/1"
ROOT = b"root of four"
WITHDRAWN = Withdrawal("residence", 10.0, 11.0, 7, 20.0, 21.0, 8)


def proof(id_: str, index: int, hash_: bytes, at: float = 1.0, **more: Any) -> Proof:
    whole = Proof(id_, at, LOG, index, hash_, reg=5, size=4, root=ROOT)
    return replace(whole, **more)


def healthy() -> History:
    """Two exchanges, each answered: a keyed one and one that must not be repeated."""
    leaves = [
        LogLeaf("request", b"q1", 5, None, "address-change"),
        LogLeaf("request", b"q2", 5, None, "name-change"),
        LogLeaf("response", b"a1", 6, b"q1", "address-change"),
        LogLeaf("response", b"a2", 6, b"q2", "name-change"),
    ]
    sent = {
        "one": Sent("one", "address-change", 0.5, [proof("one", 0, b"q1")], []),
        "two": Sent("two", "name-change", 0.6, [], [proof("two-a", 3, b"a2")]),
    }
    found = {
        "one": Found(state="answered", same=True, request=proof("one", 0, b"q1")),
        "two": Found(state="answered"),
    }
    return History(
        sent=sent,
        found=found,
        logs={LOG: Log(leaves, {0: b"", 2: b"root of two", 4: ROOT})},
        seen=[Seen(LOG, 2, b"root of two", 0.9), Seen(LOG, 4, ROOT, 2.0)],
        calls={"one": [1.0, 1.5], "two": [1.1]},
        effects={"one": 1, "two": 1},
        calm_s=[0.1, 0.1],
        disturbed_s=[0.1, 0.2],
    )


def changed(**more: Any) -> Callable[[History], History]:
    return lambda history: replace(history, **more)


def sender(**more: Any) -> Callable[[History], History]:
    """The first message's sender knows something else."""
    return lambda h: replace(h, sent={**h.sent, "one": replace(h.sent["one"], **more)})


def told(found: Found) -> Callable[[History], History]:
    """The bus tells something else of the first message."""
    return lambda h: replace(h, found={**h.found, "one": found})


def logged(*leaves: LogLeaf) -> Callable[[History], History]:
    """The log has these leaves besides."""
    return lambda h: replace(
        h, logs={LOG: replace(h.logs[LOG], leaves=[*h.logs[LOG].leaves, *leaves])}
    )


BROKEN: dict[str, tuple[str, Callable[[History], History]]] = {
    "no outcome": ("lost", sender(receipts=[])),
    "a receipt, and nothing there": ("lost", told(Found(is_there=False))),
    "other bytes kept": ("lost", told(Found(state="answered", same=False))),
    "never ends": ("lost", told(Found(state="open", stuck=True))),
    "expires though healthy": ("lost", told(Found(state="expired"))),
    "can't be told": ("lost", told(Found(trouble="internal"))),
    "no receipt to be had": ("lost", told(Found(state="answered", is_unproven=True))),
    "not asked for": ("lost", lambda h: replace(h, found={"two": h.found["two"]})),
    "a receipt that doesn't hold": ("lost", sender(receipts=[Proof("one", broken="forged")])),
    "a leaf that isn't there": ("lost", sender(receipts=[proof("one", 0, b"other")])),
    "a log that isn't there": (
        "lost",
        sender(receipts=[proof("one", 0, b"q1", origin="sx.example/log/9")]),
    ),
    "two places": ("double", sender(receipts=[proof("one", 0, b"q1"), proof("one", 1, b"q2")])),
    "two answers": (
        "double",
        sender(answers=[proof("a", 2, b"a1"), proof("b", 3, b"a2")]),
    ),
    "a request too many": (
        "double",
        logged(LogLeaf("request", b"q3", 6), LogLeaf("expired", b"e3", 6, b"q3")),
    ),
    "two ends": ("double", logged(LogLeaf("expired", b"e1", 6, b"q1"))),
    "an end of nothing": ("false", logged(LogLeaf("response", b"a9", 6, b"q9"))),
    "an older version": ("false", logged(LogLeaf("delivered", b"d1", 5, b"q1"))),
    "two roots": ("fork", changed(seen=[Seen(LOG, 2, b"x", 1.0), Seen(LOG, 2, b"y", 1.0)])),
    "another root than is there": ("fork", changed(seen=[Seen(LOG, 2, b"x", 1.0)])),
    "ahead of the log": ("fork", changed(seen=[Seen(LOG, 9, b"x", 1.0)])),
    "a checkpoint by another key": ("false", changed(seen=[Seen(LOG, 2, b"", 1.0, "forged")])),
    "called twice": ("double", changed(calls={"two": [1.0, 2.0]})),
    "acted twice": ("double", changed(effects={"one": 2})),
    "asked what nobody sent": ("false", changed(calls={"three": [1.0]})),
    "refused": ("false", sender(refusals=[Refusal(1.0, "not-allowed")])),
    "held back": ("false", changed(disturbed_s=[2.0, 3.0])),
    "an auditor objects": ("false", changed(audit="exit 1")),
}


def test_a_run_in_which_everything_held_has_no_problem() -> None:
    assert judge(healthy()) == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_promise_is_seen(name: str) -> None:
    sort, breaks = BROKEN[name]
    assert sort in {problem.sort for problem in judge(breaks(healthy()))}


def test_what_nobody_has_a_receipt_for_may_be_there_or_not() -> None:
    sent = {"one": Sent("one", "address-change", is_given_up=True)}
    there = healthy()
    leaves = [one for one in there.logs[LOG].leaves if b"2" not in one.hash]
    logs = {LOG: Log(leaves, there.logs[LOG].roots)}
    taken = History(sent, {"one": Found(state="answered")}, logs)
    assert judge(taken) == []
    assert judge(History(sent, {"one": Found(is_there=False)}, {})) == []


RESTORED = Restored(copied_at=3.0, restored_at=6.0, at=8.0)
LATE = Proof("three", 5.0, LOG, 4, b"q3", 6, 5, b"root of five")


def restored() -> History:
    """A third message was receipted, then an older copy of the database was put back."""
    before = healthy()
    late = Sent("three", "person-letters", 4.5, [LATE])
    return replace(
        before,
        sent={**before.sent, "three": late},
        found={**before.found, "three": Found(is_there=False)},
        seen=[*before.seen, Seen(LOG, 5, b"root of five", 5.1)],
        restored=[RESTORED],
    )


def test_a_receipt_of_the_lost_range_shows_by_itself_that_it_was_lost() -> None:
    assert judge(restored()) == []
    assert shown_lost(restored()) == 1


def test_without_an_older_copy_put_back_the_same_is_lost_and_forked() -> None:
    sorts = {problem.sort for problem in judge(replace(restored(), restored=[]))}
    assert sorts == {"lost", "fork"}


def test_a_receipt_given_after_the_copy_was_put_back_is_not_excused() -> None:
    late = replace(LATE, at=9.0)
    history = restored()
    history.sent["three"].receipts[:] = [late]
    assert {problem.sort for problem in judge(history)} == {"lost", "fork"}


def test_a_log_that_went_on_from_an_older_copy_is_a_fork() -> None:
    history = restored()
    leaves = [*history.logs[LOG].leaves, LogLeaf("delivered", b"other", 6, b"q1")]
    logs = {LOG: Log(leaves, {**history.logs[LOG].roots, 5: b"another root of five"})}
    assert "fork" in {problem.sort for problem in judge(replace(history, logs=logs))}


def test_a_call_that_the_database_forgot_may_be_made_again() -> None:
    assert judge(replace(restored(), calls={"two": [4.0, 7.0]})) == []
    again = judge(replace(restored(), calls={"two": [7.0, 7.5]}))
    assert [problem.sort for problem in again] == ["double"]
    before = judge(replace(restored(), calls={"two": [1.0, 7.0]}))
    assert [problem.sort for problem in before] == ["double"]


def residence(made_at: float, *, receipt: Proof | None = None, refused_at: float = 0.0) -> History:
    """One message under a grant that was away from 11 to 20."""
    sent = Sent("one", "residence", made_at, [receipt] if receipt else [])
    if refused_at:
        sent.refusals.append(Refusal(refused_at, "not-allowed"))
    reg = receipt.reg if receipt else 0
    leaves = [
        LogLeaf("request", b"q1", reg, None, "residence"),
        LogLeaf("response", b"a1", reg, b"q1", "residence"),
    ]
    logs = {LOG: Log(leaves if receipt else [], {2: ROOT})}
    found = Found(state="answered") if receipt else Found(is_there=False)
    return History({"one": sent}, {"one": found}, logs, withdrawals=[WITHDRAWN])


def under(version: int, at: float) -> Proof:
    return Proof("one", at, LOG, 0, b"q1", version, 2, ROOT)


def test_a_withdrawn_grant_refuses_and_only_while_it_is_away() -> None:
    assert judge(residence(12.0, refused_at=12.1)) == []
    assert judge(residence(9.0, receipt=under(6, 9.5))) == []
    assert judge(residence(22.0, receipt=under(8, 22.5))) == []
    assert {one.sort for one in judge(residence(22.0, refused_at=22.1))} == {"false"}


def test_nothing_is_accepted_under_a_grant_that_is_away() -> None:
    stale = judge(residence(12.0, receipt=under(6, 12.5)))
    assert [one.text for one in stale] == ["accepted under a grant that was withdrawn before"]
    forbidden = judge(residence(10.5, receipt=under(7, 20.5)))
    assert [one.text for one in forbidden] == [
        "residence accepted under version 7, which forbade it"
    ]


def test_the_ratio_compares_medians() -> None:
    assert ratio(healthy()) == pytest.approx(1.5)
    assert ratio(replace(healthy(), calm_s=())) is None

"""The inbox: one effect for each id, in the caller's transaction, whatever happens around it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealway import AnswerPending, Client, Inbox, InboxMisused, Provider, Reject, Rejected
from sealway.inbox import KEEP_S, StoredAnswer
from signing.identifiers import new_message_id
from tests.support.fake_bus import FakeBus

ID = str(new_message_id(1_795_000_000_000))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "agency.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE payment (id TEXT, amount INTEGER)")
        Inbox().create(connection)
    return file


def pay(connection: sqlite3.Connection, said: Any = None) -> Any:
    connection.execute("INSERT INTO payment VALUES (?, 100)", (ID,))
    return {"paid": 100} if said is None else said


def payments(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM payment").fetchone()[0])


def once(file: Path, inbox: Inbox | None = None, said: Any = None) -> Any:
    with closing(sqlite3.connect(file, timeout=0.1)) as connection, connection:
        return (inbox or Inbox()).once(connection, ID, lambda: pay(connection, said))


def test_a_repeat_gets_the_kept_answer_and_has_no_effect(database: Path) -> None:
    assert once(database) == {"paid": 100}
    assert once(database, said={"paid": 200}) == {"paid": 100}
    assert payments(database) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"ä": [1.5, None, True, "\0"]},
        [1],
        b"raw \xff",
        Reject("no-data", "No such person."),
        StoredAnswer(b"<a/>", "application/xml"),
    ],
)
def test_every_sort_of_answer_comes_back_as_it_was(database: Path, said: Any) -> None:
    assert once(database, said=said) == once(database) == said


def test_what_is_rolled_back_is_done_anew(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        Inbox().once(connection, ID, lambda: pay(connection))
        connection.rollback()
    assert payments(database) == 0
    assert once(database) == {"paid": 100}
    assert payments(database) == 1


def test_nothing_is_committed_by_the_inbox(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        Inbox().once(connection, ID, lambda: pay(connection))
        assert connection.in_transaction
        assert payments(database) == 0


def test_a_second_one_at_the_same_time_fails_and_may_come_again(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        Inbox().once(connection, ID, lambda: pay(connection))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            once(database)
    assert once(database) == {"paid": 100}
    assert payments(database) == 1


def test_work_that_raises_leaves_nothing_behind(database: Path) -> None:
    def fail() -> None:
        raise RuntimeError("the account is closed")

    with closing(sqlite3.connect(database)) as connection, pytest.raises(RuntimeError), connection:
        Inbox().once(connection, ID, fail)
    assert once(database) == {"paid": 100}


def test_a_claim_that_was_committed_without_an_answer_is_for_a_person(database: Path) -> None:
    def fail() -> None:
        raise RuntimeError("half done")

    with closing(sqlite3.connect(database)) as connection:
        with pytest.raises(RuntimeError):
            Inbox().once(connection, ID, fail)
        connection.commit()
    with pytest.raises(InboxMisused, match="without an answer"):
        once(database)
    assert payments(database) == 0


def test_without_a_transaction_it_refuses_before_the_work(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        with pytest.raises(InboxMisused, match="begin a transaction"):
            Inbox().once(connection, ID, lambda: pay(connection))
        assert payments(database) == 0
        connection.execute("BEGIN")
        assert Inbox().once(connection, ID, lambda: pay(connection)) == {"paid": 100}
        connection.execute("COMMIT")
    assert payments(database) == 1


@pytest.mark.parametrize("said", [None, 7, "text", object(), {"a": float("nan")}, {1: {2}}])
def test_what_could_not_be_answered_is_not_kept(database: Path, said: Any) -> None:
    with closing(sqlite3.connect(database)) as connection:
        with pytest.raises((TypeError, ValueError)):
            Inbox().once(connection, ID, lambda: said)
        connection.rollback()
    assert once(database) == {"paid": 100}


def test_an_answer_has_a_limit(database: Path) -> None:
    with pytest.raises(ValueError, match="at most 40 bytes"):
        once(database, Inbox(answer_bytes_max=40), {"text": "x" * 40})
    assert payments(database) == 0


@pytest.mark.parametrize(
    "key",
    ["", "7", ID.upper(), "38001085718", f"{ID}' OR 1"],
    ids=["empty", "a number", "capitals", "a person's code", "more than an id"],
)
def test_only_a_message_id_is_a_key(database: Path, key: str) -> None:
    with closing(sqlite3.connect(database)) as connection, pytest.raises(ValueError, match="id"):
        Inbox().once(connection, key, dict)


def test_forgets_what_no_repeat_can_come_for(database: Path) -> None:
    now = [1_000_000.0]
    inbox = Inbox(clock=lambda: now[0])
    once(database, inbox)
    for later_s, dropped in ((KEEP_S, 0), (1, 1), (1, 0)):
        now[0] += later_s
        with closing(sqlite3.connect(database)) as connection, connection:
            assert inbox.forget(connection) == dropped
    once(database, inbox)
    assert payments(database) == 2


# --- drivers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["qmark", "named", "numeric"])
def test_speaks_the_style_it_is_given(database: Path, style: str) -> None:
    inbox = Inbox(style, table="main.other")
    with closing(sqlite3.connect(database)) as connection, connection:
        inbox.create(connection)
    assert once(database, inbox) == once(database, inbox) == {"paid": 100}


@dataclass
class _Wrapped:
    """A connection behind a pool's own class."""

    connection: Any

    def cursor(self) -> Any:
        return self.connection.cursor()


def test_a_driver_that_tells_no_style_must_be_given_one(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        with pytest.raises(InboxMisused, match="paramstyle"):
            Inbox().once(_Wrapped(connection), ID, dict)
        assert Inbox("qmark").once(_Wrapped(connection), ID, dict) == {}


def test_rows_may_come_by_name(database: Path) -> None:
    once(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.row_factory = lambda cursor, row: dict(
            zip([column[0] for column in cursor.description], row, strict=True)
        )
        assert Inbox().once(connection, ID, dict) == {"paid": 100}


@pytest.mark.parametrize("wrong", [{"paramstyle": "dollar"}, {"table": "a b"}, {"table": "a.b.c"}])
def test_refuses_what_it_cannot_speak(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is no"):
        Inbox(**wrong)  # type: ignore[arg-type]


# --- in a provider ------------------------------------------------------------------------------


def test_a_provider_that_was_killed_after_its_commit_answers_the_same(
    client: Client, provider: Provider, bus: FakeBus, database: Path, tmp_path: Path
) -> None:
    attempts: list[int] = []

    @provider.service("payment")
    def payment(request: Any) -> Any:
        attempts.append(request.attempt)
        with closing(sqlite3.connect(database)) as connection, connection:
            said = Inbox().once(connection, request.id, lambda: pay(connection))
        if request.attempt == 1:
            raise RuntimeError("killed between commit and answer")
        return said

    exchange = client.send("sx/GOV/2002/civil-registry", "payment", {"amount": 100})
    for _ in range(2):
        provider.serve_once()
        bus.clock.pass_s(61)
    assert exchange.answer().json == {"paid": 100}
    assert (attempts, payments(database)) == ([1, 2], 1)


@pytest.mark.parametrize("raised", [InboxMisused("x"), Rejected("no-data"), AnswerPending("x")])
def test_an_error_of_the_sdk_in_a_handler_leaves_the_question_for_a_repeat(
    client: Client, provider: Provider, raised: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Any) -> Any:
        raise raised

    provider.service("payment")(fail)
    client.send("sx/GOV/2002/civil-registry", "payment", {})
    assert provider.serve_once() == 1
    assert "provider.handler_failed" in caplog.text

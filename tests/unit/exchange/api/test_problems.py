"""The problem table is complete, and a problem document is what the wire format shows."""

import importlib
import json
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

from exchange.api.problem_docs import problems_markdown
from exchange.api.problems import (
    ATTEMPTS,
    LOCAL,
    PROBLEMS,
    REJECTIONS,
    Problem,
    problem,
    problem_bytes,
    problem_status,
    rows_for,
)
from signing.errors import SealwayError

ROOT = Path(__file__).resolve().parents[4]
BASE_URL = "http://127.0.0.1:8480"

# As the wire format's table has them: status, and whether the same bytes may be sent again.
WIRE = {
    (400, False): "envelope-malformed manifest-invalid unsupported-version message-id-invalid "
    "commitment-mismatch part-missing message-stale message-from-the-future",
    (401, False): "signature-invalid certificate-unknown certificate-expired certificate-revoked "
    "algorithm-not-allowed token-missing token-invalid",
    (403, False): "sender-suspended not-allowed role-missing",
    (404, False): "not-found",
    (404, True): "answer-not-yet anchor-not-yet",
    (405, False): "method-not-allowed",
    (408, True): "client-too-slow",
    (409, False): "message-id-reused answer-not-expected already-answered answer-late "
    "exchange-cancelled lease-lost conflict repeat-not-confirmed schema-incompatible "
    "schema-undecided schema-in-use checkpoint-foreign",
    (410, False): "message-expired",
    (412, False): "changed-meanwhile",
    (428, False): "precondition-required",
    (413, False): "body-too-large part-too-large",
    (415, False): "body-type-unsupported",
    (431, False): "header-too-large",
    (422, False): "payload-invalid payload-undeclared purpose-required schema-unknown "
    "request-invalid rejected possession-unproven signed-change-invalid cosignature-refused",
    (429, True): "quota-exceeded rate-exceeded mailbox-full",
    (503, True): "log-unavailable outcome-unknown bus-backlogged not-ready anchoring-late",
    (500, True): "internal",
}
ATTEMPT_CODES = (
    "provider-unreachable provider-not-set-up provider-timeout provider-misbehaved breaker-open "
    "outcome-unknown"
)
ROWS = [row for table in (PROBLEMS, ATTEMPTS, REJECTIONS, LOCAL) for row in table.values()]


def walk(package: ModuleType) -> None:
    """Import every module of a package, so that its error classes exist."""
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith(".migrations.env"):
            continue  # Alembic runs it; nobody imports it
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def descendants(error: type[SealwayError]) -> set[type[SealwayError]]:
    direct = set(error.__subclasses__())
    return direct.union(*(descendants(one) for one in direct))


def test_the_table_is_the_wire_formats() -> None:
    expected = {code: key for key, codes in WIRE.items() for code in codes.split()}
    assert {row.code: (row.status, row.retryable) for row in PROBLEMS.values()} == expected


def test_attempts_and_rejections_are_the_wire_formats() -> None:
    assert set(ATTEMPTS) == set(ATTEMPT_CODES.split())
    theirs = {"access-denied", "no-data", "unknown-request", "failure"}
    assert set(REJECTIONS) == theirs | {"no-example"}  # the sandbox's own, in the provider's place


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}.{row.code}")
def test_a_row_says_what_to_do_in_sentences(row: Problem) -> None:
    assert not row.title.endswith(".")
    for text in (row.remedy, row.remedy_operator):
        assert text[0].isupper() or text[0] in "`/"
        assert text.endswith(".")
        assert "\n" not in text
        assert text.count("`") % 2 == 0


@pytest.mark.parametrize(
    "package", ["signing", "schemas", "registry", "adapters", "exchange", "sealway"]
)
def test_every_error_class_has_its_code_in_the_table(package: str) -> None:
    walk(importlib.import_module(package))
    ours = {one for one in descendants(SealwayError) if one.__module__.split(".")[0] == package}
    missing = {f"{one.__qualname__}: {one.code}" for one in ours if not rows_for(one.code)}
    assert not missing, "add these codes to exchange/api/problems.toml"


def test_a_document_is_the_wire_formats_example() -> None:
    body = problem_bytes(
        "commitment-mismatch",
        "Part 'body' arrived with 411 bytes; the manifest promises 412.",
        base_url=BASE_URL,
        instance="/v1/messages/01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        refusal={"log": "sx.example/log/1", "index": 4711},
    )
    assert list(json.loads(body).items()) == [
        ("type", "http://127.0.0.1:8480/problems/commitment-mismatch"),
        ("title", "A part does not match the manifest"),
        ("status", 400),
        ("code", "commitment-mismatch"),
        ("retryable", False),
        ("detail", "Part 'body' arrived with 411 bytes; the manifest promises 412."),
        (
            "remedy",
            "Send exactly the bytes you signed. With curl use --data-binary; -d strips line ends.",
        ),
        ("instance", "/v1/messages/01a201fb-aa7b-7cc0-98c4-dc0c0c07398f"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("refusal", {"log": "sx.example/log/1", "index": 4711}),
    ]


def test_members_that_are_not_known_are_left_out() -> None:
    document = problem("not-found", "There is no such message.", base_url=BASE_URL + "/")
    assert not document.keys() & {"instance", "trace_id", "refusal"}
    assert document["type"] == f"{BASE_URL}/problems/not-found"


def test_the_operators_remedy_is_not_sent() -> None:
    for code, row in PROBLEMS.items():
        assert row.remedy_operator not in problem(code, "Why.", base_url=BASE_URL).values()


def test_extra_members_come_last_and_replace_nothing() -> None:
    errors = [{"pointer": "/country", "keyword": "enum", "message": "is not one of the codes"}]
    document = problem("payload-invalid", "Why.", base_url=BASE_URL, extra={"errors": errors})
    assert list(document)[-1] == "errors"
    with pytest.raises(AssertionError, match="status"):
        problem("payload-invalid", "Why.", base_url=BASE_URL, extra={"status": 200})
    with pytest.raises(AssertionError, match="refusal"):
        problem("payload-invalid", "Why.", base_url=BASE_URL, extra={"refusal": {}})


def test_an_unknown_code_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        problem("no-such-code", "Why.", base_url=BASE_URL)
    with pytest.raises(KeyError):
        problem_status("provider-timeout")
    assert rows_for("no-such-code") == ()


def test_a_code_may_be_a_problem_and_an_attempt() -> None:
    assert [row.section for row in rows_for("outcome-unknown")] == ["problem", "attempt"]
    assert problem_status("outcome-unknown") == 503


def test_the_committed_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "problems.md").read_text("utf-8")
    assert committed == problems_markdown(), (
        "run python -m exchange.api.problem_docs > docs/problems.md"
    )


def test_every_code_is_documented() -> None:
    page = (ROOT / "docs" / "problems.md").read_text("utf-8")
    for row in ROWS:
        assert f"### `{row.code}`" in page
        assert row.remedy in page
        assert row.remedy_operator in page

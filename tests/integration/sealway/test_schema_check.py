"""`sealway schema check` and `diff`: what is printed and the exit codes, with a bus or none."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from sealway.cli.main import main
from tests.support.schema_changes import DIALECT

Run = Callable[..., tuple[int, str, str]]
OLD = {"$schema": DIALECT, "type": "object", "properties": {"a": {"type": "string"}}}
MORE = {**OLD, "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
SHORTER = {**OLD, "properties": {"a": {"type": "string", "maxLength": 2}}}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["schema", *map(str, words)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, Any], Path]:
    def write(name: str, document: Any) -> Path:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return write


def test_an_admitted_file_is_yes(run: Run, file: Any) -> None:
    code, out, err = run("check", file("a.json", OLD))
    assert (code, err) == (0, "")
    assert out.startswith("admitted: sha256:")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "not-strict-json"), ("{}", "dialect-missing"),
     (json.dumps({"$schema": DIALECT, "$ref": "http://127.0.0.1:9/x"}), "remote-reference")],
)  # fmt: skip
def test_a_refused_file_is_no_with_its_reason(run: Run, file: Any, text: str, reason: str) -> None:
    code, out, _ = run("check", file("a.json", text))
    assert (code, out.splitlines()[0]) == (1, f"not admitted: {reason}")


def test_a_compatible_file_is_yes(run: Run, file: Any) -> None:
    code, out, _ = run("check", file("b.json", MORE), "--against", file("a.json", OLD))
    assert code == 0
    assert out.splitlines()[-1] == "compatible: yes (FULL_TRANSITIVE, EVOLVE, 2 readings)"


def test_a_breaking_file_is_no_with_instance_place_and_change(run: Run, file: Any) -> None:
    code, out, _ = run(
        "check", file("b.json", SHORTER), "--against", file("a.json", OLD), "--level", "backward"
    )
    assert code == 1
    assert "refused at /a: Must have at most 2 characters." in out
    assert "changed /properties/a/maxLength: 'maxLength' is new: 2." in out


def test_strict_refuses_what_evolve_allows(run: Run, file: Any) -> None:
    files = (file("b.json", MORE), "--against", file("a.json", OLD))
    assert run("check", *files, "--policy", "strict")[0] == 1
    assert run("check", *files, "--level", "NONE")[0] == 0


def test_what_cannot_be_told_is_2(run: Run, file: Any) -> None:
    narrow = {"$schema": DIALECT, "type": "string", "pattern": "^[a-c]+$"}
    wide = {**narrow, "pattern": "^[a-z]+$"}
    words = ("--against", file("a.json", narrow), "--level", "BACKWARD")
    code, out, _ = run("check", file("b.json", wide), *words)
    assert (code, out.splitlines()[-1].split(" (")[0]) == (2, "compatible: can't tell")


def test_machines_get_one_document(run: Run, file: Any) -> None:
    earlier = [file("1.json", OLD), file("2.json", MORE)]
    words = [word for path in earlier for word in ("--against", path)]
    code, out, err = run("check", file("3.json", SHORTER), *words, "--json")
    said = json.loads(out)
    assert (code, err, said["answer"]) == (1, "", "no")
    findings = said["compatibility"]["findings"]
    assert [one["version"] for one in findings] == [2, 2, 1, 1]
    assert list(findings[0]["witness"]["instance"]) == ["a"]


def test_a_missing_or_wrong_earlier_file_is_usage(run: Run, file: Any, tmp_path: Path) -> None:
    new = file("b.json", OLD)
    assert run("check", new, "--against", tmp_path / "none.json")[0] == 3
    assert run("check", tmp_path / "none.json")[0] == 3
    code, _, err = run("check", new, "--against", file("a.json", "{}"))
    assert code == 3
    assert "is no schema here" in err


def test_a_subject_is_asked_of_the_registry(
    run: Run, file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def item(subject: str, version: int, document: Any, state: str = "active") -> dict[str, Any]:
        return {"subject": subject, "version": version, "state": state,
                "text": json.dumps(document)}  # fmt: skip

    items = [item("p.request", 2, MORE), item("other", 1, SHORTER), item("p.request", 1, OLD),
             item("p.request", 3, SHORTER, "retired")]  # fmt: skip
    asked: list[str] = []

    def fetched(_: object, path: str) -> dict[str, Any]:
        asked.append(path)
        return {"items": items}

    monkeypatch.setattr("sealway.cli.schema_check.connected", lambda _: nullcontext())
    monkeypatch.setattr("sealway.cli.schema_check.fetch_all", fetched)
    code, out, _ = run("check", file("b.json", MORE), "--against", "p.request")
    assert (code, asked) == (0, ["/v1/schemas"])
    assert "4 readings" in out
    assert run("check", file("b.json", MORE), "--against", "nobody")[0] == 3
    items[0]["subject"] = items[2]["subject"] = "sx/GOV/1/p.request"
    assert run("check", file("b.json", MORE), "--against", "sx/GOV/1/p.request")[0] == 0


def test_diff_tells_changes_and_whether_there_are_any(run: Run, file: Any) -> None:
    old, new = file("a.json", OLD), file("b.json", MORE)
    assert run("diff", old, old) == (0, "", "")
    assert run("diff", old, new) == (1, "/properties/b: The optional field 'b' is new.\n", "")
    code, out, _ = run("diff", old, new, "--json")
    assert (code, json.loads(out)["changes"][0]["effect"]) == (1, "narrower")
    assert run("diff", old, file("c.json", "[1]"))[0] == 3

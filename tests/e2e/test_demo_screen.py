"""The demo's own honesty: what did not hold is said, counted, and changes the exit code."""

from types import ModuleType

import pytest

from tests.e2e.running_demo import ROOT


@pytest.fixture
def screen_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    from demonstration import screen  # type: ignore[import-not-found,unused-ignore]

    return screen


def test_a_step_holds_only_if_it_checked_and_all_held(
    screen_module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = screen_module.Screen()
    with screen.step("good") as step:
        step.check(True, "so it is")
    with screen.step("bad") as step:
        step.check(True, "one thing")
        step.check(False, "another", otherwise={"got": 1})
    with screen.step("nothing checked"):
        pass
    with screen.step("broken"):
        raise RuntimeError("what happened")
    assert screen.total() == 1
    out = capsys.readouterr().out
    assert '✘ another (instead: {"got": 1})' in out
    assert "✘ RuntimeError: what happened" in out
    assert out.endswith("\ndemo: 4 shown, 1 held\n")


def test_all_held_is_exit_zero_and_nothing_shown_is_not(
    screen_module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = screen_module.Screen()
    assert screen.total() == 1
    with screen.step("good") as step:
        step.check(True, "so it is")
    assert screen.total() == 0
    assert capsys.readouterr().out.endswith("demo: 1 shown, 1 held\n")


def test_no_line_is_wider_than_the_terminal(
    screen_module: ModuleType,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    screen = screen_module.Screen()
    with screen.step("short") as step:
        step.out("word " * 40)
        step.back("x" * 200, 0.5)
        step.check(True, "y" * 60)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60

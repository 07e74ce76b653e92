"""The docs runner: finds marked blocks, runs them, and notices a promise that is not kept."""

from pathlib import Path

import pytest

from tests.docs.blocks import Block, BlockUnreadable, find_blocks
from tests.docs.execution import Outcome, Surroundings, run_block
from tests.docs.expected import keeps, keeps_in_order, read_console

SAMPLE = """# A sample

```console
$ not marked, so it never runs
```

<!-- run -->
```console
$ echo one; echo two
one
two
$ false  # exit 1
$ printf '{"a":
> 1}' > made.json
```

````markdown
<!-- run -->
```bash
inside another block: only shown
```
````

<!-- run: serve 5s -->
```python
print(6 * 7)  # → 42
```

<!-- run: checkout -->
```bash
cat made.json
# → {"a": …
```
"""


def blocks(markdown: str) -> list[Block]:
    return list(find_blocks("sample.md", markdown))


def console(text: str) -> Block:
    return Block("sample.md", 1, "console", "alone", 5, text)


def run(block: Block, folder: Path, bus_address: str | None = None) -> Outcome:
    return run_block(block, Surroundings(folder, {}, bus_address))


def test_finds_the_marked_blocks_only() -> None:
    found = blocks(SAMPLE)
    assert [one.language for one in found] == ["console", "python", "bash"]
    assert [one.place for one in found] == ["alone", "serve", "checkout"]
    assert [one.timeout_s for one in found] == [60, 5, 60]
    assert SAMPLE.splitlines()[found[0].line - 1] == "```console"


def test_the_sample_holds(tmp_path: Path) -> None:
    outcomes = [run(block, tmp_path) for block in blocks(SAMPLE)]
    assert [(one.held, one.why) for one in outcomes] == [(True, "")] * 3
    assert (tmp_path / "made.json").read_text() == '{"a":\n1}'


@pytest.mark.parametrize(
    "markdown",
    [
        "<!-- run -->\n",
        "<!-- run -->\n\n```bash\necho a blank line between\n```\n",
        "<!-- run -->\n```json\n{}\n```\n",
        "<!-- run: elsewhere -->\n```bash\necho\n```\n",
    ],
)
def test_refuses_a_marker_that_cannot_be_followed(markdown: str) -> None:
    with pytest.raises(BlockUnreadable, match=r"sample\.md:1"):
        blocks(markdown)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("$ false\n", "exit 1"),
        ("$ true  # exit 2\n", "exit 0"),
        ("$ false | cat\n", "exit 1"),
        ("$ echo one\ntwo\n", "something else"),
        ("$ echo one; echo two\none\n", "something else"),
        ("$ true\n# → anything printed\n", "something else"),
        ("$ exit 3\n$ true\n", "ended early with exit 3"),
        ("a block without a command\n", "no command"),
    ],
)
def test_a_console_block_fails_when_it_does_not_do_what_it_shows(
    text: str, why: str, tmp_path: Path
) -> None:
    outcome = run(console(text), tmp_path)
    assert not outcome.held
    assert why in outcome.why


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("bash", "false\necho reached\n"),
        ("bash", "echo one\n# → two\n"),
        ("bash", "echo one\necho two\n# → two\n# → one\n"),
        ("python", "raise SystemExit(1)\n"),
        ("python", "print('one')  # → two\n"),
    ],
)
def test_a_script_fails_when_it_does_not_do_what_it_shows(
    language: str, text: str, tmp_path: Path
) -> None:
    block = Block("sample.md", 1, language, "alone", 5, text)  # type: ignore[arg-type]
    assert not run(block, tmp_path).held


def test_a_block_that_never_ends_is_ended(tmp_path: Path) -> None:
    block = Block("sample.md", 1, "bash", "alone", 1, "echo started\nsleep 30\n")
    outcome = run(block, tmp_path)
    assert not outcome.held
    assert "started" in outcome.why
    assert "not finished after 1 s" in outcome.why


def test_a_documented_address_becomes_the_running_bus(tmp_path: Path) -> None:
    text = "$ echo http://localhost:8480/v1\nhttp://127.0.0.1:5555/v1\n"
    assert run(console(text), tmp_path, "127.0.0.1:5555").held


def test_a_block_does_not_see_the_make_that_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("SEALWAY_HOME", "/elsewhere")
    assert run(console("$ echo [$MAKELEVEL$SEALWAY_HOME]\n[]\n"), tmp_path).held


def test_a_command_whose_reader_had_enough_has_not_failed(tmp_path: Path) -> None:
    assert run(console("$ seq 1000000 | head -1\n1\n"), tmp_path).held


def test_reads_commands_over_several_lines() -> None:
    steps = read_console("$ echo one \\\n    two\none two\n\n$ echo 'a\nb'\na\nb\n")
    assert [step.command for step in steps] == ["echo one \\\n    two", "echo 'a\nb'"]
    assert [step.promised for step in steps] == [("one two",), ("a", "b")]


@pytest.mark.parametrize(
    ("promised", "printed", "kept"),
    [
        (["took … ms"], ["took 1.25 ms"], True),
        (["took   3 ms"], ["  took 3 ms "], True),
        (["took … ms"], ["took 1.25 s"], False),
        (["first", "…", "last"], ["first", "last"], True),
        (["first", "…", "last"], ["first", "2", "3", "last"], True),
        (["first", "…", "last"], ["first", "2"], False),
        (["a.c"], ["abc"], False),
        (["only"], ["only", "more"], False),
    ],
)
def test_compares_whole_outputs_loosely(
    promised: list[str], printed: list[str], kept: bool
) -> None:
    assert keeps(promised, printed) is kept


def test_compares_comments_in_order_with_anything_between() -> None:
    assert keeps_in_order(["one", "t…"], ["zero", "one", "x", "two"])
    assert not keeps_in_order(["two", "one"], ["one", "two"])

"""What our documents name is there: commands with their options, files, settings, variables."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.operation.settings import Settings
from tests.house.source import ROOT
from tests.support.command_line import calls, mistake, unknown_words

DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md"))
    if path.name != "CHANGELOG.md"
)
# Generated, or history: an ADR tells what was decided then.
HOW_TO = [path for path in DOCUMENTS if "adr" not in path.parts]
INLINE = re.compile(r"`(sealway [^`]+)`")
FENCE = re.compile(r"^(?P<indent> *)```(?:console|bash)\n(?P<text>.*?)^(?P=indent)```", re.S | re.M)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)(#[\w-]+)?\)")
KEY = re.compile(r"`(limits|delivery|database|kafka|retention|egress|policy)\.(\w+)`")
VARIABLE = re.compile(r"\bSEALWAY_([A-Z0-9_]*[A-Z0-9])\b")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shown(text: str) -> Iterator[str]:
    """The commands of the blocks, each in one line."""
    for block in FENCE.finditer(text):
        lines = re.sub(r"\\\n *(> )?", " ", block["text"]).splitlines()
        marked = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
        # A program that a script writes says this, and calls nothing.
        yield from marked or (one for one in lines if not one.startswith("from sealway import "))


def wrong_commands(text: str) -> list[str]:
    """What is shown and can't be typed, with the reason."""
    found = [
        f"sealway {' '.join(words)}: {why}"
        for line in shown(text)
        for words in calls(line)
        if (why := mistake([word for word in words if word not in ("(", ")")])) is not None
    ]
    for command in INLINE.findall(text):
        for words in calls(command.replace("…", "")):
            if words and (unknown := unknown_words(words)):
                found.append(f"`{command}`: {unknown}")
    return found


@pytest.mark.parametrize("path", HOW_TO, ids=name)
def test_every_command_has_its_verb_and_its_options(path: Path) -> None:
    assert wrong_commands(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "`sealway servo`",
        "`sealway serve --prot 1`",
        "```console\n$ sealway servo\n```",
        "```console\n$ sealway serve my-bus --prot 1 | tail\n```",
        "1. so\n   ```console\n   $ sealway ask\n   ```",
        "```console\n$ sealway ask x/y/z/a \\\n>   code --porpoise p '{}'\n```",
        "```bash\nsudo -u sealway sealway servo\n```",
    ],
)
def test_a_command_that_is_not_there_is_found(text: str) -> None:
    assert len(wrong_commands(text)) == 1


def test_commands_that_are_there_are_not_found() -> None:
    text = "`sealway serve` ```console\n$ sealway serve my-bus --port 1 > log 2>&1 &\n```"
    assert wrong_commands(text) == []
    script = "```bash\ncat > a.py <<'END'\nfrom sealway import Client\nEND\n```"
    assert wrong_commands(script) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    dead = []
    for target, anchor in LINK.findall(path.read_text("utf-8")):
        there = path.parent / target
        if not there.exists():
            dead.append(target)
        elif anchor and there.suffix == ".md" and anchor[1:] not in anchors(there):
            dead.append(target + anchor)
    assert dead == []


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def test_every_anchor_of_the_guarantees_is_one() -> None:
    page = ROOT / "docs" / "guarantees.md"
    named = re.findall(r"\]\(#([\w-]+)\)", page.read_text("utf-8"))
    assert named
    assert set(named) <= anchors(page)


# The findings speak of the members of policy records, which are named alike.
@pytest.mark.parametrize("path", [one for one in HOW_TO if "findings" not in one.name], ids=name)
def test_every_setting_that_is_named_is_one(path: Path) -> None:
    text = path.read_text("utf-8")
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    tables = dict(
        re.findall(r"^## \[(\w+)[^\]]*\]\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    )
    wrong = [
        f"{table}.{key}" for table, key in KEY.findall(text) if f"| `{key}` |" not in tables[table]
    ]
    assert wrong == []


@pytest.mark.parametrize("path", HOW_TO, ids=name)
def test_every_variable_that_is_named_is_one(path: Path) -> None:
    others = {"HOME", "PROFILE", "KEY", "TABLE__KEY"}
    named = {
        one for one in VARIABLE.findall(path.read_text("utf-8")) if not one.startswith("TEST_")
    }
    wrong = {
        one for one in named - others if one.split("__")[0].lower() not in Settings.model_fields
    }
    assert wrong == set()

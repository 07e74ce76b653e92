"""Rules about names, sizes, docstrings and unfinished work."""

import ast
import re
from collections.abc import Iterator, Sequence

from tests.house.source import Finding, SourceFile, package_modules

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
NAMELESS = re.compile(r"_?(utils?|common|helpers?|managers?|service|misc)")
UNFINISHED = re.compile(
    "|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b", "NotImplemented" + "Error"])
)


def module_names(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """A module is named after what it owns; these names own nothing."""
    for file in files:
        if not file.is_python:
            continue
        for part in file.path.removesuffix(".py").split("/"):
            if NAMELESS.fullmatch(part):
                yield Finding(file.path, 1, f"'{part}' says nothing about what is inside")


def file_size(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """A file past the limit holds more than one idea."""
    for file in files:
        lines = file.text.count("\n")
        if file.is_python and lines > FILE_LINES_MAX:
            yield Finding(file.path, lines, f"{lines} lines, at most {FILE_LINES_MAX}")


def function_size(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """A function past the limit cannot be read at once."""
    for file in files:
        if not file.is_python:
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    what = f"{lines} lines, at most {FUNCTION_LINES_MAX}"
                    yield Finding(f"{file.path}:{node.name}", node.lineno, what)


def module_docstrings(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """A module says what it owns."""
    for file in package_modules(files):
        if not (ast.get_docstring(file.tree) or "").strip():
            yield Finding(file.path, 1, "no docstring")


def unfinished(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """What is in the tree is finished; what is not finished is not in the tree."""
    for file in files:
        if not file.is_python:
            continue
        for number, line in enumerate(file.text.splitlines(), 1):
            if mark := UNFINISHED.search(line):
                yield Finding(file.path, number, f"unfinished: {mark.group()}")

"""What the house rules read: the repository's files, and the exceptions granted to them.

A rule is a function from files to findings. It reads nothing itself, so a test can hand it a
bad snippet and see it found.
"""

import ast
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("exchange", "adapters", "sealway", "registry", "schemas", "signing")
PURE = ("registry", "schemas", "signing")


@dataclass(frozen=True)
class SourceFile:
    """One file of the repository; `path` is relative to its root, with slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def package(self) -> str:
        return self.path.split("/", 1)[0]

    def is_in(self, *places: str) -> bool:
        """Say whether the file is one of these modules, or lies in one of these packages."""
        module = self.path.removesuffix(".py").removesuffix("/__init__")
        return any(module == place or module.startswith(place + "/") for place in places)


@dataclass(frozen=True, order=True)
class Finding:
    """One place where a rule does not hold. `at` is what an exception names."""

    at: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.at} (line {self.line}): {self.what}"


Rule = Callable[[Sequence[SourceFile]], Iterator[Finding]]


@dataclass(frozen=True, order=True)
class Exemption:
    """A rule, the place where it need not hold, and why not."""

    rule: str
    at: str
    reason: str


def repository_files(root: Path = ROOT) -> list[SourceFile]:
    """Read every text file that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    files = []
    for path in sorted(set(listed.split("\0")) - {""}):
        full = root / path
        if not full.is_file() or full.is_symlink():
            continue
        try:
            files.append(SourceFile(path, full.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return files


def package_modules(files: Sequence[SourceFile]) -> list[SourceFile]:
    """Keep the modules of the six packages."""
    return [file for file in files if file.is_python and file.package in PACKAGES]


def read_exemptions(text: str) -> list[Exemption]:
    """Parse the list of exceptions; each needs its reason."""
    found = [Exemption(**row) for row in tomllib.loads(text).get("exception", [])]
    assert all(one.reason.strip() for one in found), "an exception without a reason"
    return found


def judge(
    name: str, findings: Sequence[Finding], exemptions: Sequence[Exemption]
) -> tuple[list[Finding], list[Exemption]]:
    """Take the exceptions off the findings: what remains, and the exceptions nobody needs."""
    granted = {one.at: one for one in exemptions if one.rule == name}
    left = sorted(found for found in findings if found.at not in granted)
    used = {found.at for found in findings}
    return left, sorted(one for at, one in granted.items() if at not in used)

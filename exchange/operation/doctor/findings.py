"""What a look has found: ok, a warning or wrong, and then what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The bus runs; somebody should look at it."""
    WRONG = "wrong"
    """The bus can't do what it promises."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, what to do about it."""

    about: str
    verdict: Verdict
    text: str
    remedy: str = ""


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 broker``, ``3 brokers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ok(about: str, text: str) -> Finding:
    """All is well."""
    return Finding(about, Verdict.OK, text)


def warn(about: str, text: str, remedy: str) -> Finding:
    """Something to look at."""
    return Finding(about, Verdict.WARN, text, remedy)


def wrong(about: str, text: str, remedy: str) -> Finding:
    """Something to put right."""
    return Finding(about, Verdict.WRONG, text, remedy)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The verdict on all of them."""
    found = {finding.verdict for finding in findings}
    for verdict in (Verdict.WRONG, Verdict.WARN):
        if verdict in found:
            return verdict
    return Verdict.OK

"""The problem table: what each code means, and the RFC 9457 document made from it.

Owns `problems.toml` (data, not code), read once at import, and the exact members of a problem
document. Refuses to own when a code is given: that is decided where the condition is found, and
the domain knows no status.

Invariant: only codes in the table leave the process, and each has a remedy for its sender and one
for the operator.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, get_args

import orjson

MEDIA_TYPE = "application/problem+json"

Section = Literal["problem", "attempt", "rejection", "local"]
SECTIONS: tuple[Section, ...] = get_args(Section)

_MEMBERS = frozenset({"status", "title", "retryable", "remedy", "remedy_operator"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the table.

    `status` is 0 in every section but `problem`. `retryable`: the same bytes may be sent again.
    """

    code: str
    section: Section
    title: str
    retryable: bool
    remedy: str
    remedy_operator: str
    status: int = 0


def _load(text: str) -> dict[Section, Mapping[str, Problem]]:
    table = tomllib.loads(text)
    assert tuple(table) == SECTIONS, f"sections of the problem table: {list(table)}"
    return {
        section: MappingProxyType(
            {code: _row(code, section, cells) for code, cells in table[section].items()}
        )
        for section in SECTIONS
    }


def _row(code: str, section: Section, cells: dict[str, Any]) -> Problem:
    expected = _MEMBERS if section == "problem" else _MEMBERS - {"status"}
    assert cells.keys() == expected, f"{section}.{code} has {sorted(cells)}"
    return Problem(code=code, section=section, **cells)


_TABLE = _load(resources.files(__package__).joinpath("problems.toml").read_text("utf-8"))

PROBLEMS: Mapping[str, Problem] = _TABLE["problem"]
ATTEMPTS: Mapping[str, Problem] = _TABLE["attempt"]
REJECTIONS: Mapping[str, Problem] = _TABLE["rejection"]
LOCAL: Mapping[str, Problem] = _TABLE["local"]


def rows_for(code: str) -> tuple[Problem, ...]:
    """Every row of a code, in the order of the sections; empty for a code that doesn't exist.

    `outcome-unknown` has two: it is a problem and an attempt.
    """
    return tuple(_TABLE[section][code] for section in SECTIONS if code in _TABLE[section])


def problem_type(base_url: str, code: str) -> str:
    """The `type` of a problem: the address of the page that explains it."""
    return f"{base_url.rstrip('/')}/problems/{code}"


def problem(
    code: str,
    detail: str,
    *,
    base_url: str,
    instance: str | None = None,
    trace_id: str | None = None,
    refusal: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A problem document (RFC 9457), members in the wire format's order.

    `detail` is one sentence that is safe for strangers. `base_url` is the bus's public URL,
    `instance` a path on it, `refusal` the refusal's place `{log, index}` in the log. `extra`
    members come last (`errors`, `rejection` …) and may not replace one of the document's own.
    """
    row = PROBLEMS[code]
    document: dict[str, Any] = {
        "type": problem_type(base_url, code),
        "title": row.title,
        "status": row.status,
        "code": code,
        "retryable": row.retryable,
        "detail": detail,
        "remedy": row.remedy,
    }
    optional = {"instance": instance, "trace_id": trace_id, "refusal": refusal}
    document |= {name: value for name, value in optional.items() if value is not None}
    if extra:
        taken = extra.keys() & (document.keys() | optional.keys())
        assert not taken, f"members a problem has already: {sorted(taken)}"
        document |= extra
    return document


def problem_bytes(code: str, detail: str, **members: Any) -> bytes:
    """`problem` as the body to send, with media type `MEDIA_TYPE`; takes the same arguments."""
    return orjson.dumps(problem(code, detail, **members))


def problem_status(code: str) -> int:
    """The HTTP status of a code.

    Raises:
        KeyError: not a code that is answered over HTTP.
    """
    return PROBLEMS[code].status

"""A text that a regular expression matches, for examples.

Reads the pattern with the standard library's own reader, whose syntax is nearly that of JSON
Schema's; property classes are taken for letters and digits of ASCII. Whoever calls checks the
result: it is a guess.
"""

import re
import warnings
from importlib import import_module
from typing import Any, Final

reader: Any = import_module("re._parser")

_REPEATS_MAX: Final = 200  # of one thing in a row
_PROPERTY: Final = re.compile(r"\\[pP]\{([^}]*)\}|\\[pP]([A-Z])")
_CATEGORIES: Final = {"CATEGORY_DIGIT": "5", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a",
                      "CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_SPACE": "a",
                      "CATEGORY_NOT_WORD": "-"}  # fmt: skip
_TRIED: Final = "a5A -_.,:/x0z"


class PatternNotSampled(Exception):
    """A pattern of a kind that is not read here."""


def sample(pattern: str, least: int = 0) -> str:
    """A text that the pattern is likely to match, of ``least`` characters where it can be so long.

    Raises:
        PatternNotSampled: its syntax is not the standard library's.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of syntax that Python may read otherwise one day
            parsed: Any = reader.parse(_PROPERTY.sub(_stand_in, pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternNotSampled from error
    made = _joined(parsed, 1)
    if len(made) < least:
        made = _joined(parsed, least)[: max(least, 1)]
    return made


def _stand_in(found: re.Match[str]) -> str:
    name = found[1] or found[2]
    within = found.string.rfind("[", 0, found.start()) > found.string.rfind("]", 0, found.start())
    letters = {"N": "0-9", "Z": " "}.get(name[:1], "A-Z" if name == "Lu" else "a-z")
    return letters if within else f"[{letters}]"


def _joined(parsed: Any, repeats: int) -> str:
    return "".join(_one(str(kind), value, repeats) for kind, value in parsed)


def _one(kind: str, value: Any, repeats: int) -> str:
    if kind == "LITERAL":
        return chr(value)
    if kind == "NOT_LITERAL":
        return _TRIED[0] if ord(_TRIED[0]) != value else _TRIED[1]
    if kind == "ANY":
        return "a"
    if kind == "AT":
        return ""
    if kind == "IN":
        return _member(value)
    if kind == "BRANCH":
        return _joined(value[1][0], repeats)
    if kind == "SUBPATTERN":
        return _joined(value[3], repeats)
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = int(value[0]), int(value[1]), value[2]
        times = max(least, min(most, repeats, _REPEATS_MAX)) if repeats > 1 else least
        if times > _REPEATS_MAX:
            raise PatternNotSampled
        return _joined(inner, 1) * times
    raise PatternNotSampled


def _member(members: list[tuple[Any, Any]]) -> str:
    negated = str(members[0][0]) == "NEGATE"
    if negated:
        for one in _TRIED:
            if not any(_holds(str(kind), value, one) for kind, value in members[1:]):
                return one
        raise PatternNotSampled
    kind, value = str(members[0][0]), members[0][1]
    if kind == "LITERAL":
        return chr(value)
    if kind == "RANGE":
        return chr(value[0])
    return _CATEGORIES[str(value)]


def _holds(kind: str, value: Any, one: str) -> bool:
    if kind == "LITERAL":
        return bool(ord(one) == value)
    if kind == "RANGE":
        return bool(value[0] <= ord(one) <= value[1])
    name: str = str(value).removeprefix("CATEGORY_")
    is_: dict[str, bool] = {
        "DIGIT": one.isdigit(),
        "SPACE": one.isspace(),
        "WORD": one.isalnum() or one == "_",
    }
    return is_[name] if name in is_ else not is_[name.removeprefix("NOT_")]

"""Strict JSON: one document, one reading.

Refuses what parsers disagree about: duplicate keys, NaN and infinities, numbers beyond a double,
lone surrogates, a byte-order mark, trailing bytes, depth beyond the caller's limit.
"""

import json
from typing import Any

import jiter

from signing.errors import JsonInvalid

_DEPTH_OF_PARSER = 200  # jiter's own limit; ours must stay below it

_INFINITY = float("inf")
_BEYOND_DOUBLE = 2**1024 - 2**970
"""The least integer that rounds to infinity (IEEE 754, ties to even)."""

_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_RUN = b"0" * 290  # a double reaches 309 digits


def parse_json(data: bytes, *, depth_max: int, bytes_max: int) -> Any:
    """The value of ``data``, read strictly.

    Limits: ``bytes_max`` bytes, ``depth_max`` nested containers (a scalar has depth 0).

    Raises:
        JsonInvalid: too long, too deep, not UTF-8 JSON, a duplicate key, a number beyond a
            double, a lone surrogate or a byte-order mark.
    """
    assert 0 < depth_max < _DEPTH_OF_PARSER
    if len(data) > bytes_max:
        raise JsonInvalid(f"The JSON is {len(data)} bytes; at most {bytes_max} are read.")
    try:
        value = jiter.from_json(
            data, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="keys"
        )
    except ValueError as error:
        raise JsonInvalid(f"Not strict JSON: {_reason(error)}.") from error
    if _needs_a_look(data, depth_max):
        _check_tree(value, depth_max)
    return value


def _needs_a_look(data: bytes, depth_max: int) -> bool:
    """Whether the bytes could nest too deep, or hold a number beyond a double.

    Such a number has an exponent, or a run of hundreds of digits; in what is left of most
    documents there is neither, and the pass over every value is saved.
    """
    if data.count(b"{") + data.count(b"[") > depth_max:
        return True
    digits = data.translate(_DIGITS)
    return b"0e" in digits or (len(data) > len(_LONG_RUN) and _LONG_RUN in digits)


def _reason(error: ValueError) -> str:
    # The parser quotes a duplicated key; what it quotes may be about a person.
    text = str(error)
    return "duplicate key" if "uplicate" in text else text.split(" at line")[0][:80]


def _check_tree(root: Any, depth_max: int) -> None:
    """One pass, level by level: the depth, and each number."""
    level: list[Any] = [[root]]
    depth = 0
    while level:
        if depth > depth_max:
            raise JsonInvalid(f"The JSON nests deeper than {depth_max} levels.")
        below: list[Any] = []
        for node in level:
            for value in node.values() if type(node) is dict else node:
                kind = type(value)
                if kind is str:
                    continue
                if kind is dict or kind is list:
                    below.append(value)
                elif kind is float:
                    if value in (_INFINITY, -_INFINITY):
                        raise JsonInvalid("A number is beyond what a double can hold.")
                elif kind is int and not -_BEYOND_DOUBLE < value < _BEYOND_DOUBLE:
                    raise JsonInvalid("A number is beyond what a double can hold.")
        level, depth = below, depth + 1


def integer_spellings(data: bytes) -> Any:
    """Strict JSON again, each integer as it is written.

    For who must tell ``-0`` from ``0``: the parser reads both as 0, other languages don't.
    """
    return json.loads(data, parse_int=str)

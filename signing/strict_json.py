"""Strict JSON: one document, one reading.

Refuses what parsers disagree about: duplicate keys, NaN and infinities, numbers beyond a double,
lone surrogates, a byte-order mark, trailing bytes, depth beyond the caller's limit.
"""

import re
from typing import Any

import jiter

from signing.errors import JsonInvalid

_DEPTH_OF_PARSER = 200  # jiter's own limit; ours must stay below it

# Only a number with a long exponent or very many digits can be beyond a double.
_MAY_OVERFLOW = re.compile(rb"[0-9][eE]\+?[0-9]{2}|[0-9]{290}")


def parse_json(data: bytes, *, depth_max: int, bytes_max: int) -> Any:
    """The value of ``data``, read strictly.

    Limits: ``bytes_max`` bytes, ``depth_max`` nested containers (a scalar has depth 0).

    Raises:
        JsonInvalid: too long, too deep, not UTF-8 JSON, a duplicate key, a number beyond a
            double, a lone surrogate or a byte-order mark.
    """
    assert depth_max < _DEPTH_OF_PARSER
    if len(data) > bytes_max:
        raise JsonInvalid(f"The JSON is {len(data)} bytes; at most {bytes_max} are read.")
    try:
        value = jiter.from_json(
            data, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="keys"
        )
    except ValueError as error:
        raise JsonInvalid(f"Not strict JSON: {_reason(error)}.") from error
    if _may_be_deep(data, depth_max) and _depth(value) > depth_max:
        raise JsonInvalid(f"The JSON nests deeper than {depth_max} levels.")
    if _MAY_OVERFLOW.search(data):
        _refuse_overflow(value)
    return value


def _reason(error: ValueError) -> str:
    text = str(error)
    return "duplicate key" if "uplicate" in text else text.split(" at line")[0][:80]


def _may_be_deep(data: bytes, depth_max: int) -> bool:
    return data.count(b"{") + data.count(b"[") > depth_max


def _depth(value: Any) -> int:
    deepest, stack = 0, [(value, 1)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, dict):
            deepest = max(deepest, depth)
            stack.extend((child, depth + 1) for child in node.values())
        elif isinstance(node, list):
            deepest = max(deepest, depth)
            stack.extend((child, depth + 1) for child in node)
    return deepest


def _refuse_overflow(value: Any) -> None:
    stack = [value]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is dict:
            stack.extend(node.values())
        elif kind is list:
            stack.extend(node)
        elif kind is float:
            if node in (float("inf"), float("-inf")):
                raise JsonInvalid("A number is beyond what a double can hold.")
        elif kind is int and node.bit_length() > 1024:
            raise JsonInvalid("A number is beyond what a double can hold.")

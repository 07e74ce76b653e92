"""URL templates, compiled once, filled with values that can't change the URL's shape.

Owns the encoding of values into one path segment or one query value. Refuses to let a value end
a segment, climb out of its folder, or be anything but text, a number or a truth value.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from adapters.errors import AdapterSettingsInvalid
from adapters.mapping import MISSING, Pick, compile_mapping, compile_pointer

_PIECE: Final = re.compile(r"\{([^{}]*)\}")
_LITERAL: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SEPARATOR: Final = re.compile(r"[/\\]")
_DOTS: Final = (".", "..")
_VALUE_CHARS_MAX: Final = 1000


class ValueUnfit(ValueError):
    """A value of the request that can't stand where the template wants it."""


def _text(value: Any) -> str:
    """The text of a scalar."""
    kind = type(value)
    if kind is str:
        text: str = value
    elif kind is bool:
        text = "true" if value else "false"
    elif kind is int or kind is float:
        text = repr(value)
    else:
        raise ValueUnfit("not text, a number or a truth value")
    if len(text) > _VALUE_CHARS_MAX or _CONTROL.search(text):
        raise ValueUnfit("too long, or with control characters")
    return text


def _segment_piece(value: Any) -> str:
    """``value`` encoded as (a piece of) one segment."""
    text = _text(value)
    if not text or any(step in _DOTS for step in _SEPARATOR.split(text)):
        raise ValueUnfit("empty, or a dot segment")
    return quote(text, safe="")


class PathTemplate:
    """A path with ``{placeholders}``."""

    __slots__ = ("_pieces", "_suspects", "needs_document")

    def __init__(self, text: str) -> None:
        """Compile.

        Raises:
            AdapterSettingsInvalid: characters that belong encoded, dot segments, bad placeholders.
        """
        pieces: list[str | tuple[str, Pick]] = []
        for at, piece in enumerate(_PIECE.split(text)):
            if at % 2:
                pieces.append((piece, compile_pointer(piece)))
            elif _LITERAL.match(piece) is None:
                raise AdapterSettingsInvalid(f"The path {text!r} has characters to be encoded.")
            elif piece:
                pieces.append(piece)
        segments = _PIECE.sub("{}", text).split("/")
        if any(segment in _DOTS for segment in segments):
            raise AdapterSettingsInvalid(f"The path {text!r} has a dot segment.")
        if any(name == "" or "*" in name for name in _PIECE.findall(text)):
            raise AdapterSettingsInvalid(f"The path {text!r} has a placeholder without a name.")
        self._pieces = tuple(pieces)
        self.needs_document = any(isinstance(piece, tuple) for piece in pieces)
        # Pieces of dots could add up to a dot segment: "{a}{b}", ".{a}".
        self._suspects = any("{}" in s and s != "{}" and not s.strip("{}.") for s in segments)

    def fill(self, document: Any) -> str:
        """The path for ``document``.

        Raises:
            ValueUnfit: a value that is missing, or can't be one segment; says which placeholder.
        """
        out = []
        for piece in self._pieces:
            if isinstance(piece, str):
                out.append(piece)
                continue
            name, pick = piece
            try:
                out.append(_segment_piece(pick(document)))
            except ValueUnfit as error:
                raise ValueUnfit(f"{name} is {error}") from None
        path = "".join(out)
        if self._suspects and any(segment in _DOTS for segment in path.split("/")):
            raise ValueUnfit("values add up to a dot segment")
        return path


class QueryTemplate:
    """Query parameters, each from one place in the request."""

    __slots__ = ("_parameters", "needs_document")

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """Compile.

        Raises:
            AdapterSettingsInvalid: a source that is no mapping.
        """
        self._parameters = tuple(
            (name, quote(name, safe=""), compile_mapping(source))
            for name, source in parameters.items()
        )
        self.needs_document = bool(parameters)

    def fill(self, document: Any) -> str:
        """``?a=b&c=d``, or nothing when no parameter has a value.

        Raises:
            ValueUnfit: a value that is an object, or a list of more than scalars.
        """
        out = []
        for name, encoded, pick in self._parameters:
            value = pick(document)
            if value is MISSING or value is None:
                continue
            try:
                for one in value if type(value) is list else (value,):
                    out.append(f"{encoded}={quote(_text(one), safe='')}")
            except ValueUnfit as error:
                raise ValueUnfit(f"{name} is {error}") from None
        return "?" + "&".join(out) if out else ""

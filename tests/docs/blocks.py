"""Find in a document the blocks that promise to run.

A fenced block runs when the line right above its fence is a marker:

    <!-- run -->                 in an empty folder of the document's own
    <!-- run: serve -->          the same, with the demo's bus running
    <!-- run: checkout 180s -->  in the checkout, for up to 180 seconds

The blocks of a document run in order in one folder, so a later one finds what an earlier one made.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

Language = Literal["console", "bash", "python"]
Place = Literal["alone", "serve", "checkout"]

TIMEOUT_S = 60
_MARKER = re.compile(r"<!--\s*run(?::\s*(?P<words>[^>]*?))?\s*-->")
_FENCE = re.compile(r"(?P<ticks>`{3,})(?P<language>[\w-]*).*")


class BlockUnreadable(Exception):
    """A marker that cannot be followed: unknown words, or no fenced block under it."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block that runs: where it stands, in what language, what it says."""

    document: str
    line: int
    language: Language
    place: Place
    timeout_s: int
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line} ({self.language})"


def _place_and_time(words: str, at: str) -> tuple[Place, int]:
    place, timeout_s = "alone", TIMEOUT_S
    for word in words.split():
        if word in get_args(Place):
            place = word
        elif re.fullmatch(r"\d+s", word):
            timeout_s = int(word[:-1])
        else:
            raise BlockUnreadable(f"{at}: unknown word '{word}' in the marker")
    return cast(Place, place), timeout_s


def find_blocks(document: str, markdown: str) -> Iterator[Block]:
    """Yield the marked blocks of one document in order.

    Raises:
        BlockUnreadable: a marker that cannot be followed.
    """
    lines = markdown.splitlines()
    number = 0
    while number < len(lines):
        marker, fence = _MARKER.fullmatch(lines[number].strip()), _FENCE.fullmatch(lines[number])
        number += 1
        if fence:
            number = _end_of(lines, number, fence["ticks"]) + 1
        if not marker:
            continue
        at = f"{document}:{number}"
        opening = _FENCE.fullmatch(lines[number]) if number < len(lines) else None
        if opening is None or opening["language"] not in get_args(Language):
            raise BlockUnreadable(f"{at}: no console, bash or python block under the marker")
        place, timeout_s = _place_and_time(marker["words"] or "", at)
        end = _end_of(lines, number + 1, opening["ticks"])
        text = "\n".join(lines[number + 1 : end]) + "\n"
        language = cast(Language, opening["language"])
        yield Block(document, number + 1, language, place, timeout_s, text)
        number = end + 1


def _end_of(lines: list[str], start: int, ticks: str) -> int:
    """Return the index of the closing fence, or of the end when there is none."""
    for number in range(start, len(lines)):
        if lines[number].rstrip() == ticks:
            return number
    return len(lines)

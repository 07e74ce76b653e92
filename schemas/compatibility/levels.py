"""The seven levels and the two policies: which readings a new version must stand.

A *reading* is one direction: data written by the rules of one version, read by those of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Confluent's names. BACKWARD: the new version reads what the old one wrote."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"


class Policy(StrEnum):
    """STRICT: writers send whatever their version admits. EVOLVE: only fields that it declares."""

    STRICT = "STRICT"
    EVOLVE = "EVOLVE"


class Direction(StrEnum):
    """Who reads: the new version what the old wrote, or the old what the new writes."""

    BACKWARD = "BACKWARD"
    FORWARD = "FORWARD"


DEFAULT_LEVEL = Level.FULL_TRANSITIVE
DEFAULT_POLICY = Policy.EVOLVE

_DIRECTIONS: dict[str, tuple[Direction, ...]] = {
    "NONE": (),
    "BACKWARD": (Direction.BACKWARD,),
    "FORWARD": (Direction.FORWARD,),
    "FULL": (Direction.BACKWARD, Direction.FORWARD),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One direction against one earlier version; ``version`` counts from 1, the oldest."""

    direction: Direction
    version: int


def readings(level: Level, versions: Sequence[object]) -> list[Reading]:
    """What must hold for a version that follows ``versions``, given oldest first.

    Without _TRANSITIVE only the latest of them counts; a subject's first version stands all.
    """
    directions = _DIRECTIONS[level.removesuffix("_TRANSITIVE")]
    numbers = range(len(versions), 0, -1)
    asked = list(numbers) if level.endswith("_TRANSITIVE") else list(numbers)[:1]
    return [Reading(direction, number) for number in asked for direction in directions]

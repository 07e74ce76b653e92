"""The dataclass of what is made for every message: frozen to the type checker, plain at run time.

A frozen dataclass sets each member by a call of its own; the dozens of values of one exchange cost
some 5 % of the bus's CPU time that way. mypy refuses every assignment to a member all the same, and
the rule that a value never changes is as binding as for a frozen dataclass.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value_type(cls: type[T]) -> type[T]:
    """A slotted dataclass, compared and hashed by its members, that nobody assigns to."""
    return dataclass(slots=True, unsafe_hash=True)(cls)

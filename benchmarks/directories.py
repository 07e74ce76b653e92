"""A large directory, made by the bus's own API: systems with mailboxes, schemas, grants.

Owns the objects of P9. Refuses to touch the pair of systems that the load is about: what is
measured is what everybody else's presence costs them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.network import Country, change, grant

CHANGES_MAX: Final = 1_000  # what the bus takes in one set
SYSTEMS_OF_A_MEMBER: Final = 100


@dataclass(frozen=True, slots=True)
class Size:
    """How large; each system has a mailbox service with a schema of its own."""

    systems: int = 1_000
    grants: int = 10_000
    schemas: int = 1_000


def fill_directory(country: Country, size: Size) -> int:
    """Put everything in force, in as many sets as it takes; how many changes that were."""
    changes = list(changes_for(size))
    for first in range(0, len(changes), CHANGES_MAX):
        change(country, changes[first : first + CHANGES_MAX])
    return len(changes)


def changes_for(size: Size) -> Iterator[dict[str, Any]]:
    """The changes, in an order in which each finds what it names."""
    for number in range(-(-size.systems // SYSTEMS_OF_A_MEMBER)):
        yield _change("member", id=_member(number), name=f"Agency {number}")
    for number in range(size.systems):
        yield _change("system", id=_system(number), name=f"System {number}")
    for number in range(size.schemas):
        yield _change("schema", subject=_subject(number), text=_schema(number))
    for number in range(size.systems):
        schema = {"subject": _subject(number % size.schemas)}
        yield _change(
            "service",
            system=_system(number),
            code="notice",
            title=f"Notices to system {number}",
            request_schema=schema,
            response_schema=schema,
            delivery={"kind": "mailbox"},
        )
    for number in range(size.grants):
        consumer, apart = number % size.systems, 1 + number // size.systems
        provider = (consumer + apart) % size.systems
        yield _change("grant", **grant(_system(consumer), _system(provider), "notice"))


def _change(noun: str, **members: Any) -> dict[str, Any]:
    return {"noun": noun, "object": members}


def _member(number: int) -> str:
    return f"sx/GOV/{5_000 + number}"


def _system(number: int) -> str:
    return f"{_member(number // SYSTEMS_OF_A_MEMBER)}/system-{number}"


def _subject(number: int) -> str:
    return f"notice-{number}"


def _schema(number: int) -> str:
    return (
        '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",'
        f'"title":"Notice {number}","properties":{{"field-{number}":{{"type":"string"}}}}}}'
    )

"""What an auditor asks for: which leaves are shown, whose acts come with them.

Everything here but the purpose is decided by a leaf alone, so a verifier sees by itself that
nothing was left out. Where a purpose is asked for, the envelopes of all leaves that pass come along
and the verifier applies the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from sealway.audit.errors import SelectionInvalid
from sealway.verify.accesses import ACCESS_KINDS
from signing.errors import IdentifierInvalid
from signing.identifiers import (
    parse_code,
    parse_member_id,
    parse_service_code,
    parse_system_id,
)
from signing.log.leaf import BARE_KINDS, DIRECTORY_KINDS, TRAFFIC_KINDS, Leaf

FULL: Final = "full"
PARTY: Final = "party"
VALUES_MAX: Final = 64
NAMES_NOBODY: Final = BARE_KINDS
"""Kinds of log 0 whose leaves every bundle shows; the others are hashes in a party export."""
RECORDS_ALWAYS: Final = DIRECTORY_KINDS | {"shard"}
"""Kinds of log 0 whose records every bundle holds; those of heads only inside its range."""

Texts = tuple[str, ...]


def _kind(text: str) -> str:
    if text not in TRAFFIC_KINDS:
        raise IdentifierInvalid(f"'{text[:40]}' is no kind of leaf of a traffic log.")
    return text


_PARSERS: Final = {
    "member": parse_member_id,
    "system": parse_system_id,
    "service": parse_service_code,
    "kind": _kind,
    "purpose": parse_code,
    "party": parse_member_id,
}
_PLAIN: Final = {"form": str, "content": bool, "tests": bool, "accesses": bool}


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters; those of one name are alternatives, those of different names all hold."""

    form: str = FULL
    party: Texts = ()
    """Members whose leaves a party export shows; the rest are hashes."""
    member: Texts = ()
    """On either side."""
    system: Texts = ()
    """On either side."""
    service: Texts = ()
    kind: Texts = ()
    purpose: Texts = ()
    content: bool = True
    """Whether parts come along; without them commitments can't be checked."""
    tests: bool = True
    """Whether test messages are selected."""
    accesses: bool = False
    """Whether the records of who read and exported come along, of a full export."""

    def __post_init__(self) -> None:
        if self.form not in (FULL, PARTY):
            raise SelectionInvalid(f"An export is {FULL} or {PARTY}.")
        if (self.form == PARTY) != bool(self.party):
            raise SelectionInvalid("A party export names its members; a full one names none.")
        if self.form == PARTY and self.accesses:
            raise SelectionInvalid("Who read what is not in a party export: it is about people.")

    @classmethod
    def from_object(cls, members: object) -> "Selection":
        """Read what `to_object` gives, strictly. Raises SelectionInvalid."""
        if not isinstance(members, Mapping):
            raise SelectionInvalid("A selection is an object.")
        values: dict[str, Any] = {}
        for name, value in members.items():
            if name in _PARSERS:
                values[name] = _texts(name, value)
            elif type(value) is _PLAIN.get(name):
                values[name] = value
            else:
                known = ", ".join(sorted(one.name for one in fields(cls)))
                raise SelectionInvalid(f"A selection has {known}, each of its type.")
        return cls(**values)

    def to_object(self) -> dict[str, Any]:
        """What differs from the defaults, and the form."""
        whole: dict[str, Any] = {"form": self.form}
        whole |= {name: list(getattr(self, name)) for name in _PARSERS if getattr(self, name)}
        whole |= {name: False for name in ("content", "tests") if not getattr(self, name)}
        return whole | ({"accesses": True} if self.accesses else {})

    # --- what it decides ----------------------------------------------------------------------

    def shows(self, leaf: Leaf) -> bool:
        """Whether the leaf's bytes are in the bundle; if not, its hash is."""
        return self.form == FULL or _touches(leaf, self.party)

    def picks(self, leaf: Leaf) -> bool:
        """Whether the leaf's act is in the bundle."""
        return self.shows(leaf) and (not self.kind or leaf.k in self.kind) and self._is_among(leaf)

    def picks_access(self, leaf: Leaf) -> bool:
        """Whether the record of a leaf of log 0 is in the bundle because it tells of an access.

        Reads of the messages that the filters take, whatever their kind, and every export.
        """
        if not self.accesses or leaf.k not in ACCESS_KINDS:
            return False
        return leaf.k == "export" or self._is_among(leaf)

    def _is_among(self, leaf: Leaf) -> bool:
        """Of the members, systems and services asked for, and a test only if they are."""
        return (
            (not self.service or leaf.svc in self.service)
            and (not self.system or any(side in self.system for side in (leaf.sender, leaf.to)))
            and (not self.member or _touches(leaf, self.member))
            and (self.tests or not leaf.test)
        )

    @property
    def not_provable(self) -> Texts:
        """The filters whose completeness rests on the bus's word."""
        return ("party",) if self.form == PARTY else ()


def _touches(leaf: Leaf, members: Texts) -> bool:
    return any(
        side is not None and side.rpartition("/")[0] in members for side in (leaf.sender, leaf.to)
    )


def _texts(name: str, value: object) -> Texts:
    if not isinstance(value, list | tuple) or len(value) > VALUES_MAX:
        raise SelectionInvalid(f"'{name}' is a list of at most {VALUES_MAX}.")
    try:
        return tuple(_PARSERS[name](one if type(one) is str else "") for one in value)
    except IdentifierInvalid as error:
        raise SelectionInvalid(f"'{name}': {error.detail}") from error

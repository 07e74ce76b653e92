"""The published list of acts that change the directory.

Codes stand in signed records for ever: add, never rename. A verifier may meet acts that it does
not know; what an act did is in the record's ``after``.
"""

from registry.nouns import Noun, State

_STATES: dict[Noun, tuple[State, ...]] = {
    Noun.MEMBER: (State.SUSPENDED,),
    Noun.SYSTEM: (State.SUSPENDED, State.WITHDRAWN),
    Noun.CERTIFICATE: (State.REVOKED,),
    Noun.SERVICE: (State.SUSPENDED, State.WITHDRAWN),
    Noun.GRANT: (State.WITHDRAWN,),
    Noun.SCHEMA: (State.DEPRECATED, State.RETIRED, State.WITHDRAWN),
}

BUS_KEY_ADDED = "bus-key-added"
POLICY_SET = "policy-set"
_OF_DRAFTS: dict[tuple[State | None, State], str] = {
    (State.DRAFT, State.ACTIVE): "schema-activated",
    (State.WITHDRAWN, State.DRAFT): "schema-drafted",
}

ACTS: frozenset[str] = frozenset(
    [BUS_KEY_ADDED, POLICY_SET, "policy-changed", "subject-added", "subject-changed"]
    + list(_OF_DRAFTS.values())
    + [f"{noun}-{act}" for noun in _STATES for act in ("added", "changed", "reactivated")]
    + [f"{noun}-{state}" for noun, states in _STATES.items() for state in states]
) - {"certificate-reactivated", "grant-reactivated"}
"""Every act code of the registry."""


def act_of(noun: Noun, before: State | None, after: State, *, new: bool) -> str:
    """The act that leads from one state to the other; ``new`` when nothing was there."""
    if new:
        return POLICY_SET if noun is Noun.POLICY else f"{noun}-added"
    if before == after:
        return f"{noun}-changed"
    if noun is Noun.SCHEMA and (before, after) in _OF_DRAFTS:
        return _OF_DRAFTS[before, after]
    return f"{noun}-reactivated" if after is State.ACTIVE else f"{noun}-{after}"

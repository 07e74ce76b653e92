"""The states of a schema: which may follow which, and what each asks of the rest of the directory.

    draft ──> active ──> deprecated ──> retired
      │          └─────────────────────────^
      └──> withdrawn (deleted; registering the text again begins anew)

A deprecated version may become active again. Only drafts are deleted; nothing retires while a
service that isn't withdrawn, or another schema, uses it.
"""

from typing import Any

from registry.contents import Contents
from registry.errors import ChangeInvalid, Conflict, SchemaInUse
from registry.nouns import State
from registry.schema_versions import SchemaVersion
from registry.touched import touched
from signing.encoding import format_time

Members = dict[str, Any]

_NEXT: dict[State | None, frozenset[State]] = {
    None: frozenset({State.DRAFT, State.ACTIVE}),
    State.DRAFT: frozenset({State.ACTIVE, State.WITHDRAWN}),
    State.ACTIVE: frozenset({State.DEPRECATED, State.RETIRED}),
    State.DEPRECATED: frozenset({State.ACTIVE, State.RETIRED}),
    State.WITHDRAWN: frozenset({State.DRAFT, State.ACTIVE}),
}
_OF_THE_END = ("deprecated_at", "sunset", "successor")


def with_times(given: Members, previous: SchemaVersion | None, now_ms: int) -> Members:
    """The members asked for, with what a change of state decides by itself.

    Deprecating notes the time; a version that is active again has no end any more.
    """
    state = given.get("state")
    if previous is None or state == previous.state:
        return given
    if state == State.DEPRECATED and previous.deprecated_at_ms is None:
        return {"deprecated_at": format_time(now_ms), **given}
    if state == State.ACTIVE:
        return {**dict.fromkeys(_OF_THE_END), **given}
    return given


def check_lifecycle(contents: Contents, one: SchemaVersion, previous: SchemaVersion | None) -> None:
    """Refuse a state that may not follow, or that the rest of the directory doesn't allow.

    Raises:
        ChangeInvalid: an end that doesn't fit the state, or a successor that isn't active.
        Conflict: the state may not follow the one before.
        SchemaInUse: services or other schemas use what would be gone.
    """
    before = None if previous is None else previous.state
    if one.state != before and one.state not in _NEXT[before]:
        said = "new" if before is None else before.value
        raise Conflict(f"A schema that is {said} can't become {one.state}.{_HINT.get(before, '')}")
    _check_end(contents, one)
    if one.state in (State.RETIRED, State.WITHDRAWN) and one.state != before:
        users = touched(contents, one.subject, one.fingerprint)
        if users.services or users.schemas:
            raise SchemaInUse(one.subject, one.version, users.to_object())
    if one.state in (State.DRAFT, State.ACTIVE) and one.state != before:
        _check_references(contents, one)


_HINT: dict[State | None, str] = {
    State.ACTIVE: " Deprecate it, or retire it once nothing uses it.",
    State.DEPRECATED: " Retire it once nothing uses it; only drafts are deleted.",
}


def _check_end(contents: Contents, one: SchemaVersion) -> None:
    ends = one.state in (State.DEPRECATED, State.RETIRED)
    if (one.state is State.DEPRECATED) and one.deprecated_at_ms is None:
        raise ChangeInvalid("A deprecated schema has 'deprecated_at'; leave it out, it is filled.")
    if not ends and (one.deprecated_at_ms, one.sunset_ms, one.successor) != (None, None, None):
        raise ChangeInvalid(
            "A schema has 'sunset' and 'successor' only when its 'state' is deprecated."
        )
    if None not in (one.sunset_ms, one.deprecated_at_ms):
        assert one.sunset_ms is not None
        assert one.deprecated_at_ms is not None
        if one.sunset_ms <= one.deprecated_at_ms:
            raise ChangeInvalid("A schema's 'sunset' must be later than its deprecation.")
    if one.state is State.DEPRECATED and one.successor is not None:
        found = contents.schemas.get(one.successor)
        if found is None or found.state is not State.ACTIVE or found.key == one.key:
            raise ChangeInvalid("A schema's 'successor' must be another schema that is active.")


def _check_references(contents: Contents, one: SchemaVersion) -> None:
    for reference in one.references:
        found = contents.schemas[reference.fingerprint]
        if found.is_in_force or (found.state is State.DRAFT and one.state is State.DRAFT):
            continue
        raise ChangeInvalid(
            f"The schema refers to '{found.subject}', version {found.version}, which is "
            f"{found.state}. Activate that one first, or refer to one that is active."
        )

"""Confluent's config: the level at which versions of a subject, or of all, follow each other.

``PUT`` takes ``compatibility``, ``GET`` answers ``compatibilityLevel``, as Confluent's own server
does. Other members of its config are refused, not dropped.
"""

from typing import Any, Final

from exchange.api.confluent.asked import Asked
from exchange.api.confluent.errors import INVALID_LEVEL, NO_SUBJECT_LEVEL, NOT_PERMITTED, Told
from exchange.api.confluent.wording import confluent_reply
from exchange.api.replies import Reply
from exchange.api.resources.objects import change_as
from registry.changes import Change
from registry.nouns import Noun
from registry.policy import POLICY_KEY
from registry.subjects import DEFAULT_RULES, Subject
from schemas.compatibility.levels import Level

_TAKEN: Final = frozenset({"compatibility", "compatibilityLevel"})


async def level(asked: Asked) -> Reply:
    """The level of the bus, or a subject's own; ``defaultToGlobal`` falls back."""
    if not asked.parts:
        return _told(_of_bus(asked))
    own = _own(asked)
    if own is None and asked.flag("defaultToGlobal"):
        own = _of_bus(asked)
    if own is None:
        raise _no_level(asked)
    return _told(own)


async def set_level(asked: Asked) -> Reply:
    """Set it, as a record of log 0."""
    wanted = _level(await asked.body())
    await change_as(asked.api, asked.caller, [_change(asked, wanted.value)], [None])
    return confluent_reply({"compatibility": wanted.value})


async def drop_level(asked: Asked) -> Reply:
    """Take a level away, so that the one above holds; the answer is the one that was set."""
    before = _own(asked) if asked.parts else _of_bus(asked)
    if before is None:
        raise _no_level(asked)
    await change_as(asked.api, asked.caller, [_change(asked, None)], [None])
    return _told(before)


def _change(asked: Asked, wanted: str | None) -> Change:
    if not asked.parts:
        return Change(Noun.POLICY, {"schema_level": wanted}, POLICY_KEY)
    return Change(Noun.SUBJECT, {"subject": asked.subject(), "level": wanted})


def _level(body: dict[str, Any]) -> Level:
    for name, value in body.items():
        if name not in _TAKEN and value is not None:
            raise Told(NOT_PERMITTED, f"'{name[:64]}' of a config is not offered here.")
    given = body.get("compatibility") or body.get("compatibilityLevel")
    if not isinstance(given, str) or given.upper() not in Level.__members__:
        raise Told(INVALID_LEVEL, f"Invalid compatibility level. Valid are {', '.join(Level)}.")
    return Level(given.upper())


def _of_bus(asked: Asked) -> Level:
    policy = asked.directory.policy
    found = None if policy is None else policy.schema_level
    return DEFAULT_RULES.level if found is None else found


def _own(asked: Asked) -> Level | None:
    subject = asked.subject()
    if not asked.sees(subject):
        return None
    found = asked.directory.get(Noun.SUBJECT, subject)
    return found.level if isinstance(found, Subject) else None


def _told(level: Level) -> Reply:
    return confluent_reply({"compatibilityLevel": level.value})


def _no_level(asked: Asked) -> Told:
    return Told(
        NO_SUBJECT_LEVEL,
        f"Subject '{asked.parts[0]}' does not have subject-level compatibility configured.",
    )

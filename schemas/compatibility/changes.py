"""What differs between two documents, place by place, in plain words.

Owns sentences about keywords; owns no verdict: whether a change breaks anybody is judged over
all of them together. Pointers lead into the later document; into the earlier one for what is
gone from it. Bounded: at most ``CHANGES_MAX``, references are not followed (what they lead to is
compared where it stands).
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from schemas.compatibility.document import LIST, MAP, ONE, PLAIN, Json, Schema, text_of
from schemas.compatibility.verdicts import Change, Effect

CHANGES_MAX: Final = 200
"""Changes told: a person reads these; more is another schema."""

_SHOWN_CHARS_MAX: Final = 80
_MORE_IS_NARROWER: Final = frozenset({
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains",
})  # fmt: skip
_LESS_IS_NARROWER: Final = frozenset({
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains",
})  # fmt: skip
_IGNORED: Final = frozenset({"$schema", "$id", "$comment"})
_TURNING: Final = frozenset({"not", "if", "contains", "propertyNames", "oneOf"})


def changes_between(earlier: Json, later: Json) -> tuple[Change, ...]:
    """Every place that differs, in the order of the later document, at most CHANGES_MAX."""
    return tuple(islice(_schema(earlier, later, ""), CHANGES_MAX))


def _schema(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    if text_of(old) == text_of(new):
        return
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield _replaced(old, new, at)
        return
    for keyword in [*new, *(one for one in old if one not in new)]:
        if keyword in _IGNORED:
            continue
        before, after = old.get(keyword, _ABSENT), new.get(keyword, _ABSENT)
        if before is not _ABSENT and after is not _ABSENT and text_of(before) == text_of(after):
            continue
        yield from _keyword(keyword, before, after, old, new, at)


class _Absent:
    pass


_ABSENT: Final = _Absent()


def _keyword(
    keyword: str, before: Any, after: Any, old: Json, new: Json, at: str
) -> Iterator[Change]:
    place = f"{at}/{_step(keyword)}"
    both = before is not _ABSENT and after is not _ABSENT
    if keyword == "properties":
        yield from _properties(before, after, old, new, place)
    elif keyword in MAP:
        yield from _members(keyword, before, after, place)
    elif keyword in ONE and both:
        inner = _schema(before, after, place)
        yield from _turned(inner) if keyword in _TURNING else inner
    elif keyword in LIST and both:
        yield from _list(keyword, before, after, place)
    elif keyword == "required":
        yield from _required(before, after, old, new, at)
    elif keyword in ("type", "enum") and both:
        yield from _set(keyword, before, after, place)
    elif keyword in PLAIN or keyword in ONE or keyword in LIST:
        yield _plain(keyword, before, after, place)
    else:
        yield Change(place, keyword, Effect.NONE, f"'{keyword}' {_how(before, after)}.")


def _properties(before: Any, after: Any, old: Json, new: Json, place: str) -> Iterator[Change]:
    olds = {} if before is _ABSENT else before
    news = {} if after is _ABSENT else after
    for name, schema in news.items():
        at = f"{place}/{_step(name)}"
        if name in olds:
            yield from _schema(olds[name], schema, at)
        elif name in new.get("required", ()):
            yield Change(at, "properties", Effect.DIFFERENT, f"The required field '{name}' is new.")
        else:
            shut = old.get("additionalProperties") is False
            effect = Effect.WIDER if shut else Effect.NARROWER
            yield Change(at, "properties", effect, f"The optional field '{name}' is new.")
    for name in olds:
        if name not in news:
            shut = new.get("additionalProperties") is False
            effect = Effect.NARROWER if shut else Effect.WIDER
            what = "required" if name in old.get("required", ()) else "optional"
            yield Change(
                f"{place}/{_step(name)}",
                "properties",
                effect,
                f"The {what} field '{name}' is gone.",
            )


def _members(keyword: str, before: Any, after: Any, place: str) -> Iterator[Change]:
    olds = {} if before is _ABSENT else before
    news = {} if after is _ABSENT else after
    silent = keyword in ("$defs", "definitions")
    for name in [*news, *(one for one in olds if one not in news)]:
        at = f"{place}/{_step(name)}"
        if name in olds and name in news:
            yield from _schema(olds[name], news[name], at)
            continue
        added = name in news
        effect = Effect.NONE if silent else Effect.NARROWER if added else Effect.WIDER
        what = f"'{_cut(name)}' under '{keyword}' is {'new' if added else 'gone'}."
        yield Change(at, keyword, effect, what)


def _list(keyword: str, before: Any, after: Any, place: str) -> Iterator[Change]:
    for index, (one, other) in enumerate(zip(before, after, strict=False)):
        inner = _schema(one, other, f"{place}/{index}")
        yield from _turned(inner) if keyword in _TURNING else inner
    more = len(after) > len(before)
    effect = {
        "anyOf": Effect.WIDER if more else Effect.NARROWER,
        "oneOf": Effect.DIFFERENT,
    }.get(keyword, Effect.NARROWER if more else Effect.WIDER)
    for index in range(min(len(before), len(after)), max(len(before), len(after))):
        said = f"Branch {index + 1} of '{keyword}' is {'new' if more else 'gone'}."
        yield Change(f"{place}/{index}", keyword, effect, said)


def _required(before: Any, after: Any, old: Json, new: Json, at: str) -> Iterator[Change]:
    olds = [] if before is _ABSENT else before
    news = [] if after is _ABSENT else after
    for name in news:
        if name not in olds and (name in old.get("properties", ()) or not _declares(new, name)):
            said = f"The field '{name}' is required now."
            yield Change(f"{at}/required", "required", Effect.NARROWER, said)
    for name in olds:
        if name not in news and (name in new.get("properties", ()) or not _declares(old, name)):
            said = f"The field '{name}' is optional now."
            yield Change(f"{at}/required", "required", Effect.WIDER, said)


def _declares(schema: Json, name: str) -> bool:
    return name in schema.get("properties", ())


def _set(keyword: str, before: Any, after: Any, place: str) -> Iterator[Change]:
    olds = before if isinstance(before, list) else [before]
    news = after if isinstance(after, list) else [after]
    known = {text_of(one) for one in olds}, {text_of(one) for one in news}
    wide = {text_of("integer")} if text_of("number") in known[1] else set()
    added = [one for one in news if text_of(one) not in known[0]]
    gone = [one for one in olds if text_of(one) not in known[1] | wide]
    noun = {"type": "type", "enum": "value"}[keyword]
    if added and gone:
        effect = Effect.DIFFERENT
    else:
        effect = Effect.WIDER if added else Effect.NARROWER if gone else Effect.NONE
    if "integer" in gone + added and effect is Effect.DIFFERENT and added == ["integer"]:
        effect = Effect.NARROWER if gone == ["number"] else effect
    parts = [f"the {noun} {_shown(one)} is taken now" for one in added[:5]]
    parts += [f"the {noun} {_shown(one)} is no longer taken" for one in gone[:5]]
    said = "; ".join(parts) or f"The order of '{keyword}' differs"
    yield Change(place, keyword, effect, f"{said[0].upper()}{said[1:]}.")


def _plain(keyword: str, before: Any, after: Any, place: str) -> Change:
    if before is _ABSENT:
        effect = Effect.NARROWER
    elif after is _ABSENT:
        effect = Effect.WIDER
    elif keyword in _MORE_IS_NARROWER:
        effect = Effect.NARROWER if after > before else Effect.WIDER
    elif keyword in _LESS_IS_NARROWER:
        effect = Effect.NARROWER if after < before else Effect.WIDER
    elif keyword == "uniqueItems":
        effect = Effect.NARROWER if after else Effect.WIDER
    else:
        effect = Effect.DIFFERENT
    if keyword in ("then", "else", "if", "minContains", "maxContains", "$ref"):
        effect = Effect.DIFFERENT
    return Change(place, keyword, effect, f"'{keyword}' {_how(before, after)}.")


def _turned(inner: Iterator[Change]) -> Iterator[Change]:
    """Below these keywords narrower and wider say nothing about the whole."""
    for change in inner:
        effect = change.effect if change.effect is Effect.NONE else Effect.DIFFERENT
        yield Change(change.pointer, change.keyword, effect, change.sentence)


def _replaced(old: Schema, new: Schema, at: str) -> Change:
    if new is True or old is False:
        effect = Effect.WIDER
    else:
        effect = Effect.NARROWER if new is False or old is True else Effect.DIFFERENT
    keyword = at.rpartition("/")[2]
    return Change(at, keyword, effect, f"'{_cut(keyword)}' {_how(old, new)}.")


def _how(before: Any, after: Any) -> str:
    if before is _ABSENT:
        return f"is new: {_shown(after)}"
    if after is _ABSENT:
        return f"is gone: it was {_shown(before)}"
    return f"was {_shown(before)} and is {_shown(after)}"


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"

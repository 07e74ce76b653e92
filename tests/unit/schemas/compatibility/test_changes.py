"""What changed, in words: place, effect, sentence."""

from typing import Any

import pytest

from schemas.compatibility.changes import CHANGES_MAX, changes_between
from schemas.compatibility.verdicts import Change, Effect


def told(old: Any, new: Any) -> list[tuple[str, str, str]]:
    return [
        (change.pointer, change.effect.value, change.sentence)
        for change in changes_between(old, new)
    ]


def test_equal_documents_have_no_changes() -> None:
    assert told({"type": "string", "enum": [1]}, {"enum": [1.0], "type": "string"}) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"maxLength": 5}, {"maxLength": 3},
         ("/maxLength", "narrower", "'maxLength' was 5 and is 3.")),
        ({"minimum": 5}, {"minimum": 3}, ("/minimum", "wider", "'minimum' was 5 and is 3.")),
        ({}, {"pattern": "^a"}, ("/pattern", "narrower", "'pattern' is new: \"^a\".")),
        ({"format": "date"}, {}, ("/format", "wider", "'format' is gone: it was \"date\".")),
        ({"enum": ["a"]}, {"enum": ["a", "b"]},
         ("/enum", "wider", 'The value "b" is taken now.')),
        ({"type": "number"}, {"type": "integer"},
         ("/type", "narrower",
          'The type "integer" is taken now; the type "number" is no longer taken.')),
        ({"properties": {"a": {}}}, {"properties": {"a": {}}, "required": ["a"]},
         ("/required", "narrower", "The field 'a' is required now.")),
        ({"required": ["a"]}, {}, ("/required", "wider", "The field 'a' is optional now.")),
        ({"properties": {}}, {"properties": {"a/b": {}}},
         ("/properties/a~1b", "narrower", "The optional field 'a/b' is new.")),
        ({"properties": {}, "additionalProperties": False},
         {"properties": {"a": {}}, "additionalProperties": False},
         ("/properties/a", "wider", "The optional field 'a' is new.")),
        ({"properties": {"a": {}}, "required": ["a"]}, {"properties": {}},
         ("/properties/a", "wider", "The required field 'a' is gone.")),
        ({"anyOf": [{}]}, {"anyOf": [{}, {}]},
         ("/anyOf/1", "wider", "Branch 2 of 'anyOf' is new.")),
        ({"not": {"maxLength": 2}}, {"not": {"maxLength": 3}},
         ("/not/maxLength", "different", "'maxLength' was 2 and is 3.")),
        ({"title": "a"}, {"title": "b"}, ("/title", "none", "'title' was \"a\" and is \"b\".")),
        ({"items": True}, {"items": False},
         ("/items", "narrower", "'items' was true and is false.")),
    ],
)  # fmt: skip
def test_a_change_is_told_with_place_and_effect(
    old: Any, new: Any, expected: tuple[str, str, str]
) -> None:
    assert told(old, new)[0] == expected


def test_a_new_required_field_is_told_once() -> None:
    old = {"properties": {"a": {}}}
    new = {"properties": {"a": {}, "b": {}}, "required": ["b"]}
    assert [sentence for _, _, sentence in told(old, new)] == ["The required field 'b' is new."]


def test_changes_are_bounded_and_values_are_cut() -> None:
    old = {"properties": {f"f{i}": {"const": "x" * 500} for i in range(1_000)}}
    new = {"properties": {f"f{i}": {"const": "y" * 500} for i in range(1_000)}}
    changes = changes_between(old, new)
    assert len(changes) == CHANGES_MAX
    assert max(len(change.sentence) for change in changes) < 250


def test_a_change_survives_json() -> None:
    change = Change("/a", "type", Effect.DIFFERENT, "It differs.")
    assert Change.from_object(change.to_object()) == change

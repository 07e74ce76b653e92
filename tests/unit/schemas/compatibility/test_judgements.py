"""Verdicts: the lists of 200, the witnesses, the policies, what can't be told."""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from schemas.catalogue import admit
from schemas.compatibility.check import check
from schemas.compatibility.judge import judge
from schemas.compatibility.levels import Direction, Level, Policy, Reading, readings
from schemas.compatibility.verdicts import Answer, Judged, Report
from tests.support.schema_changes import DIALECT, TEXT, WHOLE, listed

LIST = list(listed())
DRAFT_07 = "http://json-schema.org/draft-07/schema#"
FORMATS = FormatChecker(["date"])


def answer(old: Any, new: Any, policy: Policy = Policy.STRICT) -> Answer:
    return judge({"$schema": DIALECT, **old}, {"$schema": DIALECT, **new}, policy).answer


def fields(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members}


def test_the_lists_have_200_admitted_schemas_each_way() -> None:
    assert len(LIST) == 200
    for name, narrow, wide in LIST:
        for document in (narrow, wide):
            assert admit("json-schema", json.dumps(document)), name


def test_of_200_harmless_changes_95_percent_get_yes() -> None:
    answers = [judge(narrow, wide, Policy.STRICT).answer for _, narrow, wide in LIST]
    assert answers.count(Answer.YES) >= 0.95 * len(LIST)
    assert Answer.NO not in answers


def test_of_200_breaking_changes_none_gets_yes_and_each_no_has_a_true_witness() -> None:
    told = [(judge(wide, narrow, Policy.STRICT), narrow, wide) for _, narrow, wide in LIST]
    assert [judged for judged, _, _ in told if judged.answer is Answer.YES] == []
    witnessed = [(judged.witness, narrow, wide) for judged, narrow, wide in told if judged.witness]
    assert len(witnessed) >= 0.95 * len(LIST)
    for witness, narrow, wide in witnessed:
        assert Draft202012Validator(wide, format_checker=FORMATS).is_valid(witness.instance)
        assert not Draft202012Validator(narrow, format_checker=FORMATS).is_valid(witness.instance)


def test_a_witness_is_small_and_says_where_it_is_refused() -> None:
    old = {"$schema": DIALECT, **fields(a=TEXT, b=WHOLE, c={"type": "array", "items": WHOLE})}
    new = {"$schema": DIALECT, **fields(a=TEXT, b=WHOLE | {"maximum": 5}, c={"type": "array"})}
    witness = judge(old, new, Policy.STRICT).witness
    assert witness is not None
    assert list(witness.instance) == ["b"]
    assert (witness.pointer, witness.sentence) == ("/b", "Must be at most 5.")


def test_the_same_question_gets_the_same_answer() -> None:
    _, narrow, wide = LIST[0]
    assert judge(wide, narrow, Policy.STRICT) == judge(wide, narrow, Policy.STRICT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (fields(a=TEXT), fields(a=TEXT, b=WHOLE)),
        (fields(a=fields(b=TEXT)), fields(a=fields(b=TEXT, c=WHOLE))),
        ({"type": "array", "items": fields(a=TEXT)},
         {"type": "array", "items": fields(a=TEXT, b=WHOLE)}),
        ({"allOf": [fields(a=TEXT)]}, {"allOf": [fields(a=TEXT, b=WHOLE)]}),
        ({**fields(a=TEXT), "additionalProperties": True},
         {**fields(a=TEXT, b=WHOLE), "additionalProperties": True}),
    ],
)  # fmt: skip
def test_evolve_lets_optional_fields_come_and_go_where_strict_does_not(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert answer(old, new, Policy.STRICT) is Answer.NO
    assert answer(old, new, Policy.EVOLVE) is Answer.YES
    assert answer(new, old, Policy.EVOLVE) is Answer.YES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (fields(a=TEXT, b=WHOLE), fields(a=TEXT, b=TEXT)),
        (fields(a=TEXT), {**fields(a=TEXT, b=WHOLE), "required": ["b"]}),
        ({"type": "object", "additionalProperties": TEXT},
         {**fields(b=WHOLE), "additionalProperties": TEXT}),
        ({"type": "object"}, fields(b=WHOLE)),
        (fields(a=TEXT, b=WHOLE), {**fields(a=TEXT), "additionalProperties": False}),
    ],
)  # fmt: skip
def test_evolve_says_no_where_a_declared_field_breaks_a_reader(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert answer(old, new, Policy.EVOLVE) is Answer.NO


def test_evolve_leaves_writers_what_two_bodies_of_one_place_declare() -> None:
    whole = {"allOf": [fields(a=fields(x=TEXT)), fields(a=fields(y=TEXT))]}
    wrong = {"allOf": [fields(a=fields(x=TEXT)), fields(a=fields(y=WHOLE))]}
    assert answer(whole, wrong, Policy.EVOLVE) is Answer.NO


def test_what_nobody_can_tell_is_unknown() -> None:
    narrow, wide = TEXT | {"pattern": "^[a-c]+$"}, TEXT | {"pattern": "^[a-z]+$"}
    assert answer(narrow, wide) is Answer.UNKNOWN
    assert answer(wide, narrow) is Answer.NO


def test_a_reference_out_of_the_document_is_unknown_and_not_fetched() -> None:
    away = {"$ref": "http://127.0.0.1:9/schema.json"}
    judged = judge({"$schema": DIALECT, **away}, {"$schema": DIALECT, **TEXT}, Policy.STRICT)
    assert judged.answer is Answer.UNKNOWN
    assert "leads out of the document" in judged.reason


def test_recursive_schemas_are_told_either_way() -> None:
    def tree(value: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"next": {"$ref": "#"}, "value": value}}

    assert answer(tree(WHOLE), tree({"type": "number"})) is Answer.YES
    assert answer(tree({"type": "number"}), tree(WHOLE)) is Answer.NO


def test_anchors_and_json_pointers_lead_to_the_same_part() -> None:
    by_name = {"$ref": "#t", "$defs": {"a/b": {"$anchor": "t", **TEXT}}}
    by_path = {"$ref": "#/$defs/a~1b", "$defs": {"a/b": TEXT}}
    assert answer(by_name, by_path) is Answer.YES
    assert answer(by_name, {"$ref": "#t", "$defs": {"x": {"$anchor": "t", **WHOLE}}}) is Answer.NO


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"type": "array", "items": [TEXT, WHOLE], "additionalItems": False},
         {"type": "array", "items": [TEXT, {"type": "number"}]}, Answer.YES),
        ({"type": "array", "items": [TEXT, WHOLE]},
         {"type": "array", "items": [TEXT, WHOLE], "additionalItems": False}, Answer.NO),
        (fields(a=TEXT), {**fields(a=TEXT), "dependencies": {"a": ["b"]}}, Answer.NO),
        ({**fields(a=TEXT), "dependencies": {"a": ["b"]}}, fields(a=TEXT), Answer.YES),
        ({"definitions": {"t": TEXT}, "$ref": "#/definitions/t", "minLength": 5},
         {"type": "string", "minLength": 5}, Answer.NO),
        (TEXT, TEXT | {"contentEncoding": "base64"}, Answer.UNKNOWN),
    ],
)  # fmt: skip
def test_draft_07_is_read_as_draft_07(old: Any, new: Any, expected: Answer) -> None:
    writer, reader = {"$schema": DRAFT_07, **old}, {"$schema": DRAFT_07, **new}
    judged = judge(writer, reader, Policy.STRICT)
    assert judged.answer is expected
    if judged.witness is not None:
        assert Draft7Validator(writer).is_valid(judged.witness.instance)
        assert not Draft7Validator(reader).is_valid(judged.witness.instance)


def test_levels_ask_the_readings_they_name() -> None:
    back, forth = Direction.BACKWARD, Direction.FORWARD
    asked = {level: readings(level, ["v1", "v2"]) for level in Level}
    assert asked == {
        Level.NONE: [],
        Level.BACKWARD: [Reading(back, 2)],
        Level.BACKWARD_TRANSITIVE: [Reading(back, 2), Reading(back, 1)],
        Level.FORWARD: [Reading(forth, 2)],
        Level.FORWARD_TRANSITIVE: [Reading(forth, 2), Reading(forth, 1)],
        Level.FULL: [Reading(back, 2), Reading(forth, 2)],
        Level.FULL_TRANSITIVE: [
            Reading(back, 2), Reading(forth, 2), Reading(back, 1), Reading(forth, 1),
        ],
    }  # fmt: skip
    assert readings(Level.FULL_TRANSITIVE, []) == []


def test_a_transitive_level_sees_what_only_an_early_version_breaks() -> None:
    first, second, third = (
        {"$schema": DIALECT, **body} for body in (TEXT | {"maxLength": 9}, TEXT, TEXT)
    )
    latest = check(third, [first, second], Level.FORWARD, Policy.STRICT, judge)
    every = check(third, [first, second], Level.FORWARD_TRANSITIVE, Policy.STRICT, judge)
    assert (latest.answer, every.answer) == (Answer.YES, Answer.NO)
    assert [finding.reading.version for finding in every.findings] == [2, 1]
    assert Report.from_object(json.loads(json.dumps(every.to_object()))) == every


def test_a_report_is_as_good_as_its_worst_reading() -> None:
    document = {"$schema": DIALECT, **TEXT}

    def unsure(writer: Any, reader: Any, policy: Policy) -> Judged:
        return Judged(Answer.UNKNOWN, "Too long.")

    report = check(document, [document], Level.FULL, Policy.STRICT, unsure)
    assert report.answer is Answer.UNKNOWN
    assert check(document, [], Level.FULL, Policy.STRICT, unsure).answer is Answer.YES


def test_a_no_without_a_witness_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        Judged(Answer.NO, "because")

"""Avro by its own rules: each kind of change, both ways, against the library as a judge."""

import io
import json
from typing import Any

import pytest
from fastavro import json_reader

from schemas.avro_generation import avro_example
from schemas.compatibility.avro import judge_avro
from schemas.compatibility.verdicts import Answer
from schemas.formats.avro import Avro, whole_types
from schemas.formats.port import Source


def source(document: Any) -> Source:
    text = json.dumps(document)
    return Source(Avro().admit(text), "avro", text)


def record(*fields: Any, name: str = "r", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


A = {"name": "a", "type": "string"}
B = {"name": "b", "type": "int"}
B_DEFAULT = {**B, "default": 1}
ENUM = {"type": "enum", "name": "e", "symbols": ["x", "y"]}
MORE = {**ENUM, "symbols": ["y", "x", "z"]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
TREE = record(A, {"name": "next", "type": ["null", "r"]})
DEEPER = record(A, {"name": "next", "type": ["null", "r"]}, B)

CASES: dict[str, tuple[Any, Any, str, str]] = {
    # earlier, later, the later reads the earlier, the earlier reads the later
    "the same": (record(A), record(A), "yes", "yes"),
    "a field with a default is new": (record(A), record(A, B_DEFAULT), "yes", "yes"),
    "a field without a default is new": (record(A), record(A, B), "no", "yes"),
    "a field's type is another": (record(A), record({"name": "a", "type": "int"}), "no", "no"),
    "int becomes long": ("int", "long", "yes", "no"),
    "int becomes string": ("int", "string", "no", "no"),
    "string becomes bytes": ("string", "bytes", "yes", "yes"),
    "null is allowed": ("string", ["null", "string"], "yes", "unknown"),
    "symbols are added": (ENUM, MORE, "yes", "unknown"),
    "symbols are added to a default": (
        {**ENUM, "default": "x"}, {**MORE, "default": "x"}, "yes", "yes",
    ),
    "a record has another name": (record(A), record(A, name="s"), "no", "no"),
    "a namespace is new": (record(A), record(A, namespace="n"), "unknown", "unknown"),
    "a size is another": (
        {"type": "fixed", "name": "f", "size": 2}, {"type": "fixed", "name": "f", "size": 3},
        "no", "no",
    ),
    "items become wider": (
        {"type": "array", "items": "int"}, {"type": "array", "items": "double"}, "yes", "no",
    ),
    "a tree has one more field": (TREE, DEEPER, "unknown", "yes"),
    "a decimal has another scale": (DECIMAL, {**DECIMAL, "scale": 3}, "unknown", "unknown"),
    "fields in another order": (record(A, B), record(B, A), "yes", "yes"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "backward", "forward"), CASES.values(), ids=CASES)
def test_each_change_is_judged_as_avro_resolves_it(
    old: Any, new: Any, backward: str, forward: str
) -> None:
    for writer, reader, expected in ((old, new, backward), (new, old, forward)):
        judged = judge_avro(source(writer), source(reader))
        assert judged.answer.value == expected
        if judged.answer is Answer.YES and TREE not in (old, new):  # which the library can't read
            made = avro_example(whole_types(json.dumps(writer)))
            assert made is not None
            assert list(json_reader(io.StringIO(json.dumps(made[0])), writer, reader))
        if judged.answer is Answer.NO:
            assert judged.witness is not None
            text = io.StringIO(json.dumps(judged.witness.instance))
            with pytest.raises(Exception):  # noqa: B017, PT011 - however the library says no
                list(json_reader(text, writer, reader))


def test_what_can_not_be_resolved_anywhere_is_shown_by_a_value() -> None:
    judged = judge_avro(source(record(A)), source(record(A, B)))
    assert judged.answer is Answer.NO
    assert judged.witness is not None
    assert judged.witness.instance == {"a": "text"}
    assert "/b" in judged.witness.sentence

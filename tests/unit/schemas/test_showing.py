"""Examples to show: registered or made up, always checked, always the same."""

import json
from typing import Any

import pytest

from schemas.catalogue import compile_schema
from schemas.formats.port import Source
from schemas.showing import example_to_show
from tests.support.refused_schemas import ROOT, latest, xsd
from tests.unit.schemas.test_other_formats import ADMITTED

AVRO = {name: text for name, (format, text) in ADMITTED.items() if format == "avro"}


def record(*fields: tuple[str, Any], name: str = "r") -> str:
    told = [{"name": field, "type": kind} for field, kind in fields]
    return json.dumps({"type": "record", "name": name, "fields": told})


@pytest.mark.parametrize("text", AVRO.values(), ids=AVRO.keys())
def test_an_avro_example_satisfies_its_schema(text: str) -> None:
    shown = example_to_show("avro", text)
    assert shown is not None
    assert (shown.media_type, shown.made_up) == ("avro/json", True)
    compile_schema("avro", text).check(shown.text.encode(), "avro/json")
    assert example_to_show("avro", text) == shown


def test_an_avro_example_shows_every_field_and_ends_where_a_type_recurs() -> None:
    text = record(("sex", {"type": "enum", "name": "s", "symbols": ["F", "M"]}),
                  ("seen", ["null", "long"]), ("spouse", ["null", "r"]),
                  ("children", {"type": "array", "items": "r"}),
                  ("id", {"type": "fixed", "name": "i", "size": 2}))  # fmt: skip
    shown = example_to_show("avro", text)
    assert shown is not None
    alone = {"sex": "F", "seen": None, "spouse": None, "children": [], "id": "\u0001\u0001"}
    assert json.loads(shown.text) == {
        "sex": "F", "seen": {"long": 1}, "spouse": {"r": alone}, "children": [alone],
        "id": "\u0001\u0001",
    }  # fmt: skip


def test_a_value_too_large_to_read_is_not_shown() -> None:
    inner: Any = "int"
    for level in range(12):
        name = f"r{level}"
        inner = {"type": "record", "name": name, "fields": [
            {"name": "x", "type": inner},
            {"name": "y", "type": f"r{level - 1}" if level else "int"},
        ]}  # fmt: skip
    assert example_to_show("avro", json.dumps(inner)) is None


def test_a_registered_example_comes_first_and_of_xsd_none_is_made_up() -> None:
    shown = example_to_show("json-schema", latest(type="integer"), ["7", "8"])
    assert shown is not None
    assert (shown.text, shown.made_up) == ("7", False)
    made = example_to_show("json-schema", latest(type="integer"))
    assert made is not None
    assert made.made_up
    assert example_to_show("xsd", xsd(ROOT)) is None
    assert example_to_show("json-schema", latest(not_={}, **{"not": {"maxLength": 4}})) is None


def test_an_example_follows_references() -> None:
    code = Source("sha256:0", "avro", '{"type": "enum", "name": "Code", "symbols": ["A"]}')
    shown = example_to_show("avro", record(("code", "Code")), (), {"Code": code})
    assert shown is not None
    assert json.loads(shown.text) == {"code": "A"}

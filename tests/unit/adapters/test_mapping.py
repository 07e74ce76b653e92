"""Pointers and mappings."""

from typing import Any

import pytest

from adapters.errors import AdapterSettingsInvalid
from adapters.mapping import MISSING, compile_mapping, compile_pointer

DOCUMENT = {
    "country": "FI",
    "": 0,
    "a/b": 1,
    "m~n": 2,
    "items": [{"code": "FI-01", "tags": ["x"]}, {"name": "no code"}, {"code": "FI-02"}],
    "deep": {"er": {"value": None}},
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/country", "FI"),
        ("country", "FI"),
        ("/", 0),
        ("/a~1b", 1),
        ("/m~0n", 2),
        ("/items/0/code", "FI-01"),
        ("/items/*/code", ["FI-01", "FI-02"]),
        ("/items/*/tags/*", [["x"]]),
        ("deep.er.value", None),
    ],
)
def test_finds_what_is_there(pointer: str, value: Any) -> None:
    assert compile_pointer(pointer)(DOCUMENT) == value


@pytest.mark.parametrize(
    "pointer",
    [
        "/nope",
        "/country/x",
        "/items/3",
        "/items/-1",
        "/items/00",
        "/items/x",
        "/country/*",
        "/deep/0",
    ],
)
def test_what_is_not_there_is_missing(pointer: str) -> None:
    assert compile_pointer(pointer)(DOCUMENT) is MISSING


@pytest.mark.parametrize("pointer", ["/a~", "/a~2", "a..b", ".a", "/x" * 17])
def test_refuses_what_is_no_pointer(pointer: str) -> None:
    with pytest.raises(AdapterSettingsInvalid):
        compile_pointer(pointer)


def test_maps_into_another_shape() -> None:
    mapped = compile_mapping(
        {
            "country": "/country",
            "codes": "/items/*/code",
            "kind": {"const": "territory"},
            "list": {"each": "/items", "as": {"id": "/code", "name": "/name"}},
            "inner": {"value": "/deep/er/value", "nothing": "/nope"},
            "gone": "/nope",
        }
    )(DOCUMENT)
    assert mapped == {
        "country": "FI",
        "codes": ["FI-01", "FI-02"],
        "kind": "territory",
        "list": [{"id": "FI-01"}, {"name": "no code"}, {"id": "FI-02"}],
        "inner": {"value": None},
    }


@pytest.mark.parametrize(
    "mapping",
    [
        7,
        ["/a"],
        "name",
        {"each": "/items"},
        {"each": 1, "as": "/x"},
        {"const": 1, "other": "/x"},
        {"a": {"b": 3}},
    ],
)
def test_refuses_what_is_no_mapping(mapping: Any) -> None:
    with pytest.raises(AdapterSettingsInvalid):
        compile_mapping(mapping)


def test_refuses_a_mapping_that_nests_without_end() -> None:
    mapping: Any = "/x"
    for _ in range(20):
        mapping = {"a": mapping}
    with pytest.raises(AdapterSettingsInvalid):
        compile_mapping(mapping)

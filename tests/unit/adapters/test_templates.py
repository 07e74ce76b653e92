"""A value of a request changes values in a URL, never its shape."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.egress.origin import is_target
from adapters.errors import AdapterSettingsInvalid
from adapters.rest.template import PathTemplate, QueryTemplate, ValueUnfit

SUBDIVISIONS = PathTemplate("/countries/{country}/subdivisions")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("FI", "/countries/FI/subdivisions"),
        ("a/b", "/countries/a%2Fb/subdivisions"),
        ("a?b#c", "/countries/a%3Fb%23c/subdivisions"),
        ("%2e%2e", "/countries/%252e%252e/subdivisions"),
        ("a b&c", "/countries/a%20b%26c/subdivisions"),
        ("…", "/countries/%E2%80%A6/subdivisions"),
        ("...", "/countries/.../subdivisions"),
        (7, "/countries/7/subdivisions"),
        (True, "/countries/true/subdivisions"),
        (1.5, "/countries/1.5/subdivisions"),
    ],
)
def test_encodes_a_value_as_one_segment(value: Any, path: str) -> None:
    assert SUBDIVISIONS.fill({"country": value}) == path


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "../x", "x/..", "..\\x", "a\x00b", "a\r\nb", "x" * 1001, None, [], {}, ["FI"]],
)
def test_refuses_a_value_that_would_change_the_path(value: Any) -> None:
    with pytest.raises(ValueUnfit, match="country"):
        SUBDIVISIONS.fill({"country": value})


@pytest.mark.parametrize("document", [{}, [], None, "FI", {"Country": "FI"}])
def test_refuses_a_request_that_lacks_the_value(document: Any) -> None:
    with pytest.raises(ValueUnfit):
        SUBDIVISIONS.fill(document)


def test_takes_nested_values_and_several_in_one_segment() -> None:
    template = PathTemplate("/p/{who.code}-{/list/0}.json")
    assert template.fill({"who": {"code": "x"}, "list": ["y"]}) == "/p/x-y.json"


def test_pieces_may_not_add_up_to_a_dot_segment() -> None:
    template = PathTemplate("/a/.{x}/b")
    assert template.fill({"x": "git"}) == "/a/.git/b"
    assert template.fill({"x": ".x"}) == "/a/..x/b"
    with pytest.raises(ValueUnfit):
        template.fill({"x": "."})


@given(st.text(min_size=1, max_size=40))
def test_whatever_the_value_the_path_keeps_its_segments(value: str) -> None:
    try:
        path = SUBDIVISIONS.fill({"country": value})
    except ValueUnfit:
        return
    except UnicodeEncodeError:
        assert any("\ud800" <= char <= "\udfff" for char in value)
        return
    before, country, after = path[1:].split("/")
    assert (before, unquote(country), after) == ("countries", value, "subdivisions")
    assert is_target(path)
    assert urlsplit("http://h" + path).path == path


@pytest.mark.parametrize(
    "path", ["/a/../b", "/./a", "/a b", "/a?b=c", "/a#b", "/a/{", "/a/{}", "/a/{x/*}", "/%zz", "/é"]
)
def test_refuses_a_template_that_is_no_plain_path(path: str) -> None:
    with pytest.raises(AdapterSettingsInvalid):
        PathTemplate(path)


def test_query_leaves_out_what_is_not_there_and_repeats_lists() -> None:
    query = QueryTemplate({"type": "/type", "no": "/no", "tag": "/tags", "v": {"const": "1"}})
    filled = query.fill({"type": "a&b=c#d", "no": None, "tags": ["x", "y z"]})
    assert parse_qs(filled[1:]) == {"type": ["a&b=c#d"], "tag": ["x", "y z"], "v": ["1"]}
    assert "a&b" not in filled
    assert QueryTemplate({"type": "/type"}).fill({}) == ""


def test_query_refuses_an_object() -> None:
    with pytest.raises(ValueUnfit, match="type"):
        QueryTemplate({"type": "/type"}).fill({"type": {"a": 1}})

"""/docs: every call with a line to paste and its problems, and nothing from elsewhere."""

import re
import shlex
from html.parser import HTMLParser
from typing import Any

import pytest

from exchange.api.call_docs import CALLS, CallDoc, calls_page
from exchange.api.call_problems import problems_of
from exchange.api.problems import PROBLEMS
from tests.integration.api.conftest import edge, initialised, running, stopped
from tests.support.agencies import BENEFITS, CIVIL
from tests.support.http import FOUNDER, Edge

__all__ = ["edge", "initialised", "running", "stopped"]
ALL = [call for _, calls in CALLS for call in calls]
VOID = {"meta", "br"}


class Page(HTMLParser):
    """The sections of the page: heading, curl line, codes; and every address on it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.addresses: list[str] = []
        self.sections: list[dict[str, Any]] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "section":
            self.sections.append({"text": "", "codes": []})
        for name, value in attrs:
            if name in ("src", "href", "action", "srcset", "data", "poster"):
                self.addresses.append(value or "")
                if self.sections and "section" in self._open:
                    self.sections[-1]["codes"].append((value or "").removeprefix("problems/"))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in ("h2", "p") and "section" in self._open:
            self.sections[-1]["text"] += "\n"

    def handle_data(self, data: str) -> None:
        if "section" in self._open:
            self.sections[-1]["text"] += data


async def shown(edge: Edge) -> Page:
    response = await edge.get("/docs")
    assert response.status_code == 200
    return Page(response.text)


async def test_every_address_on_it_is_of_this_bus(edge: Edge) -> None:
    page = await shown(edge)
    assert page.addresses
    for address in page.addresses:
        assert not re.match(r"[a-z]+:|//|\\\\", address, re.IGNORECASE), address
        assert (await edge.get("/" + address)).status_code == 200
    assert page.tags & {"script", "link", "img", "iframe", "object", "embed", "base"} == set()


async def test_each_operation_of_the_openapi_document_has_its_line_and_its_problems(
    edge: Edge,
) -> None:
    document = (await edge.get("/openapi.json")).json()
    sections = {one["text"].split("\n")[0]: one for one in (await shown(edge)).sections}
    for path, calls in document["paths"].items():
        for method in calls:
            section = sections.pop(f"{method.upper()} {path}")
            assert "\ncurl -s " in section["text"]
            codes = problems_of(method.upper(), path)
            assert section["codes"] == list(codes)
            responses = calls[method]["responses"]
            assert {str(PROBLEMS[code].status) for code in codes} <= set(responses)
            for code in codes:
                assert code in responses[str(PROBLEMS[code].status)]["description"]
    assert sections == {}


@pytest.mark.parametrize("call", ALL, ids=lambda call: f"{call.method} {call.path}")
def test_a_line_is_a_shell_command_that_makes_this_call(call: CallDoc) -> None:
    words = shlex.split(call.curl)
    (address,) = (word for word in words if word.startswith("$BUS/"))
    pattern = re.sub(r"\\{\w+\\}", "[^ ]+", re.escape(call.path))
    assert re.fullmatch(pattern, address.removeprefix("$BUS"))
    has_body = any(word.startswith(("-d", "--data")) for word in words)
    if "-X" in words:
        assert words[words.index("-X") + 1] == call.method
    else:
        assert call.method == ("POST" if has_body else "GET")
    needs_token = call.who != "everybody"
    if call.path != "/v1/messages":
        assert ("Authorization: Bearer $TOKEN" in words) == needs_token


@pytest.mark.parametrize("call", ALL, ids=lambda call: f"{call.method} {call.path}")
def test_its_problems_are_of_the_table(call: CallDoc) -> None:
    codes = problems_of(call.method, call.path)
    assert set(codes) <= set(PROBLEMS)
    assert len(set(codes)) == len(codes)


def test_every_code_of_the_table_belongs_to_some_call() -> None:
    listed = {code for call in ALL for code in problems_of(call.method, call.path)}
    elsewhere = {"method-not-allowed"}  # of an address, not of a call
    assert set(PROBLEMS) - listed == elsewhere


def test_texts_are_escaped() -> None:
    assert "<script>" not in calls_page("http://x/<script>")


ODD: list[tuple[str | None, dict[str, Any]]] = [
    (None, {}),
    (str(BENEFITS), {}),
    (str(CIVIL), {"content": b"{}"}),
    (FOUNDER, {"content": b"{}", "headers": {"content-type": "application/json"}}),
    (FOUNDER, {"content": b"[1]", "headers": {"content-type": "application/json"}}),
    (FOUNDER, {"content": b"{", "headers": {"content-type": "application/json"}}),
    (FOUNDER, {"content": b"x", "headers": {"content-type": "text/plain"}}),
    (FOUNDER, {"content": b'{"id":"\\ud800"}', "headers": {"content-type": "application/json"}}),
    (FOUNDER, {"headers": [(b"if-match", b"a"), (b"if-match", b"b")]}),
    (str(BENEFITS), {"content": b"{}", "headers": {"content-type": "application/json"}}),
    (str(BENEFITS), {"headers": {"authorization": "Bearer a.b.c"}}),
    (FOUNDER, {"params": {"limit": "0", "after": "\x00"}}),
]


@pytest.mark.parametrize("call", ALL, ids=lambda call: f"{call.method} {call.path}")
async def test_what_it_refuses_with_is_on_the_page(edge: Edge, call: CallDoc) -> None:
    path = call.path.replace("{n}", "99")
    for name in re.findall(r"{\w+}", path):
        path = path.replace(name, "nobody")
    for who, more in ODD:
        given = more.get("headers", {})
        if isinstance(given, list):  # a header that occurs twice
            token = (b"authorization", f"Bearer {edge.token(FOUNDER, '', '')}".encode())
            response = await edge.http.request(call.method, path, headers=[*given, token])
        else:
            response = await edge.call(call.method, path, who, **more)
        if response.status_code >= 400:
            code = response.json()["code"]
            assert code in problems_of(call.method, call.path), (who, more, response.text)

"""The pages that a problem's `type` leads to: whole, safe, for every code."""

import base64
import hashlib
import re
from html import escape
from html.parser import HTMLParser

import pytest

from exchange.api.problem_pages import PAGE_HEADERS, index_page, problem_page
from exchange.api.problems import ATTEMPTS, LOCAL, PROBLEMS, REJECTIONS, rows_for

CODES = sorted({*PROBLEMS, *ATTEMPTS, *REJECTIONS, *LOCAL})
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Collects the tags, and checks that each is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(code: str) -> str:
    page = problem_page(code)
    assert page is not None
    return page


@pytest.mark.parametrize("code", CODES)
def test_a_page_tells_both_what_to_do(code: str) -> None:
    text = Reader(page_of(code)).text
    for row in rows_for(code):
        assert row.title in text
        assert row.remedy.replace("`", "") in text
        assert row.remedy_operator.replace("`", "") in text


@pytest.mark.parametrize("page", [index_page(), *(page_of(code) for code in CODES)])
def test_a_page_runs_nothing_and_loads_nothing(page: str) -> None:
    for tag, attributes in Reader(page).tags:
        assert tag not in {"script", "link", "img", "iframe", "object", "form", "base"}
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert not re.match(r"\w+:|//", attributes.get("href") or "")
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_the_pages_own_style_and_no_other() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", index_page(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = PAGE_HEADERS["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_list_leads_to_every_code() -> None:
    links = {attributes.get("href") for tag, attributes in Reader(index_page()).tags if tag == "a"}
    assert links == {f"problems/{code}" for code in CODES}


def test_there_is_no_page_for_what_is_no_code() -> None:
    assert problem_page("no-such-code") is None
    assert problem_page("<script>") is None


def test_texts_are_escaped() -> None:
    page = page_of("body-type-unsupported")
    for row in rows_for("body-type-unsupported"):
        assert escape(row.remedy).split("`")[0] in page
    assert "x5t#S256" in page_of("certificate-unknown")
    assert "isn&#x27;t" in page_of("access-denied")

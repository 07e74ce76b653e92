"""What callers prefer, and what becomes of their pages and tags."""

import orjson
import pytest

from exchange.api.asgi import Headers
from exchange.api.errors import ApiError, RequestInvalid
from exchange.api.preferences import accepts_delivery, wait_s
from exchange.api.problems import PROBLEMS
from exchange.api.replies import RETRY_AFTER_S
from exchange.api.resources.listing import expected_tag, page_reply, tag_of, tagged


def _headers(**fields: str) -> Headers:
    return Headers([(name.replace("_", "-").encode(), v.encode()) for name, v in fields.items()])


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=10", 10),
        ("Wait = 10", 10),
        ('wait="10"', 10),
        ("respond-async, wait=100", 100),
        ("wait=5; x=1", 5),
        ("respond-async;wait=7", 7),
        ("await=10", None),
        ("wait", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=9999999999", None),
        ("", None),
    ],
)
def test_the_seconds_to_wait_are_read(prefer: str, seconds: int | None) -> None:
    assert wait_s(_headers(prefer=prefer)) == seconds


def test_without_a_preference_nobody_waits() -> None:
    assert wait_s(_headers(accept="*/*")) is None


def test_the_delivery_form_goes_to_who_accepts_it() -> None:
    assert accepts_delivery(
        _headers(accept="application/vnd.sealway.delivery, application/problem+json")
    )
    assert accepts_delivery(_headers(accept="Application/vnd.Sealway.Delivery"))
    assert not accepts_delivery(_headers(accept="*/*"))
    delivery = "application/vnd.sealway.delivery"
    for no in ("; q=0", ";q=0.000", ";v=1; q=0, application/json"):
        assert not accepts_delivery(_headers(accept=f"{delivery}{no}")), no
    for yes in (";q=0.1", "; q=1, application/json;q=0", ", application/json; q=0"):
        assert accepts_delivery(_headers(accept=f"{delivery}{yes}")), yes
    assert not accepts_delivery(_headers())


def _page(limit: int, after: str | None) -> tuple[list[str], str]:
    keyed = [(key, {"id": key}) for key in ("a/1", "b/2", "c&3", "d/4")]
    status, headers, body = page_reply("/v1/things", keyed, limit, after, version=7)
    assert status == 200
    document = orjson.loads(body)
    assert document["version"] == 7
    return [one["id"] for one in document["items"]], dict(headers).get(b"link", b"").decode()


def test_pages_follow_each_other_by_key() -> None:
    assert _page(2, None) == (
        ["a/1", "b/2"],
        '</v1/things?limit=2&after=b%2F2>; rel="next"',
    )
    assert _page(2, "b/2") == (["c&3", "d/4"], "")
    assert _page(1, "b/2") == (["c&3"], '</v1/things?limit=1&after=c%263>; rel="next"')
    assert _page(2, "bb") == (["c&3", "d/4"], "")
    assert _page(2, "z") == ([], "")


def test_a_tag_names_the_bytes_and_saves_sending_them_again() -> None:
    reply = (200, [(b"content-type", b"application/json")], b"{}")
    tag = tag_of(b"{}")
    assert tag != tag_of(b"[]")
    assert tagged(reply, _headers(), tag) == (200, [*reply[1], (b"etag", tag.encode())], b"{}")
    for known in (tag, f'"x", {tag}', f"W/{tag}"):
        assert tagged(reply, _headers(if_none_match=known), tag)[0] == 304
    assert tagged(reply, _headers(if_none_match='"x"'), tag)[0] == 200


def test_a_change_is_for_one_strong_tag() -> None:
    assert expected_tag(_headers()) is None
    assert expected_tag(_headers(if_match='"abc"')) == "abc"
    for value in ("*", "abc", 'W/"abc"', '"a", "b"', '""', ""):
        with pytest.raises(RequestInvalid):
            expected_tag(_headers(if_match=value))


def test_every_refusal_of_the_edge_is_in_the_problem_table() -> None:
    codes = {error.code for error in ApiError.__subclasses__()}
    assert len(codes) == len(ApiError.__subclasses__())
    assert codes | RETRY_AFTER_S.keys() <= PROBLEMS.keys()


def test_whoever_is_told_to_come_back_is_told_when() -> None:
    told = {code for code, row in PROBLEMS.items() if row.retryable and row.status in (404, 429)}
    told |= {code for code, row in PROBLEMS.items() if row.status == 503}
    assert told == RETRY_AFTER_S.keys()

"""Parts beside the body: carried as they are, bounded, with a context that people can read."""

import pytest

from signing.compose import PartIn
from signing.identifiers import message_id_bytes
from tests.support.agencies import POPULATION
from tests.support.bus import RunningBus, opened

BODY = PartIn(b'{"person_code":"1"}')


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([BODY, *(PartIn(b"", f"p{n}", "a/b") for n in range(31))], "accepted"),
        (
            [BODY, PartIn(b'{"case":"7/2026","words":["' + b"x" * 4000 + b'"]}', "context")],
            "accepted",
        ),
        ([BODY, PartIn(b'{"words":["' + b"x" * 4001 + b'"]}', "context")], "payload-invalid"),
        ([BODY, PartIn(b'["a list"]', "context")], "payload-invalid"),
        ([BODY, PartIn(b'{"a":1,"a":2}', "context")], "payload-invalid"),
        ([PartIn(b'{"person_code":"x"}'), PartIn(b"{}", "context")], "payload-invalid"),
    ],
    ids=["32", "context", "long words", "list", "duplicate names", "body"],
)
async def test_parts_beside_the_body(running: RunningBus, parts: list[PartIn], code: str) -> None:
    """Attachments are carried as they are; a context is JSON that a person can read."""
    assert await running.outcome(running.ask(parts=parts)) == code


async def test_an_answer_may_have_several_parts(running: RunningBus) -> None:
    request = running.ask(POPULATION)
    await running.send(request)
    photo, words = PartIn(b"\x89PNG", "photo", "image/png"), PartIn(b'{"note":"x"}', "context")
    answer = running.reply(request, parts=[PartIn(b'{"status":"alive"}'), photo, words])
    assert await running.outcome(answer) == "accepted"
    stored = await running.bus.api.opened.message(message_id_bytes(answer.manifest.id))
    assert stored is not None
    assert stored.frame == answer.frame


async def test_parts_together_have_at_most_so_many_bytes(stopped: RunningBus) -> None:
    stopped.terms["parts_bytes_max"] = 60
    async with opened(stopped) as running:
        fits = running.ask(parts=[PartIn(b'{"person_code":"1"}'.ljust(30)), PartIn(b"x" * 30, "a")])
        assert await running.outcome(fits) == "accepted"
        large = running.ask(
            parts=[PartIn(b'{"person_code":"1"}'.ljust(30)), PartIn(b"x" * 31, "a")]
        )
        assert await running.outcome(large) == "part-too-large"

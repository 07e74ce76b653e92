"""`sealway service mock`: a provider of made-up answers, so that consumers can test without one.

It is a provider like any other, behind a mailbox: what asks it goes through the real bus, with real
grants, receipts and checks, and nothing of the consumer differs from the day the real one answers.
Refuses to answer questions of people who don't test, unless it is told that they may be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.schema_example import source_of
from sealway.cli.session import connected_as, examples, fetch, key_path, outside, profile_option
from sealway.errors import ProfileInvalid, SdkError

if TYPE_CHECKING:
    from sealway.connection import Connection
    from sealway.profile import Profile
    from sealway.requests import Reject, Request

SANDBOX: Final = "sandbox"
DELAY_S_MAX: Final = 600  # longer than anybody's test waits


class MockImpossible(SdkError):
    """A service that can't be answered for here; `detail` says what to do instead."""

    code = "request-invalid"


@dataclass(frozen=True, slots=True)
class Said:
    """What the mock answers."""

    body: bytes
    type: str


@click.command("mock")
@click.argument("code")
@click.option(
    "--answer",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="This payload, instead of the schema's example.",
)
@click.option("--reject", metavar="CODE", help="Reject each question: no-data, failure …")
@click.option(
    "--delay",
    "delay_s",
    type=click.FloatRange(0, DELAY_S_MAX),
    default=0,
    metavar="S",
    help="Wait so long before each answer.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N questions.")
@click.option(
    "--not-only-tests",
    is_flag=True,
    help="Outside a sandbox: whoever asks gets a made-up answer, signed by you.",
)
@profile_option
@examples(
    "sealway service mock household-index --profile statistics --not-only-tests",
    "sealway service mock household-index --profile statistics --not-only-tests \\\n"
    "      --reject no-data --count 1",
)  # fmt: skip
def mock(
    code: str,
    file: Path | None,
    reject: str | None,
    delay_s: float,
    count: int | None,
    not_only_tests: bool,
    profile_name: str | None,
) -> int:
    """Answer a service of yours by its response schema, until you stop it.

    The profile is the providing system's; the service's delivery must be a mailbox. Each question
    gets the schema's first registered example, or one that is made up and checked, signed as a
    real answer is. Your real provider must not run meanwhile: each would take some questions.
    """
    from sealway.cli.output import note
    from sealway.profile import load_profile
    from sealway.requests import Reject

    profile = load_profile(profile_name)
    with connected_as(profile) as bus:
        service = _own_service(bus, profile, code)
        _check_allowed(profile, service, not_only_tests)
        said: Said | Reject
        said = Reject(reject, "Made up by a mock.") if reject else _said(bus, service, file)
    note(f"Answering {code} as {profile.system} with {_told(said, file)}. Ctrl-C ends it.")
    _serve(profile, code, said, delay_s, count)
    return 0


def _own_service(bus: Connection, profile: Profile, code: str) -> dict[str, Any]:
    if profile.system is None:
        raise ProfileInvalid("A mock signs its answers: use the profile of the providing system.")
    return fetch(bus, f"/v1/services/{key_path(f'{profile.system}/{code}')}")


def _check_allowed(profile: Profile, service: dict[str, Any], not_only_tests: bool) -> None:
    kind = service["delivery"].get("kind")
    tests = (service.get("test_delivery") or {}).get("kind")
    if "mailbox" not in (kind, tests):
        raise MockImpossible(
            f"Questions for {service['code']} go to {kind} '{service['delivery'].get('name')}', "
            "and a mock collects from a mailbox. Register a service for tests with delivery "
            "{kind = 'mailbox'} and the same schemas."
        )
    if kind == "mailbox" and profile.instance != SANDBOX and not not_only_tests:
        raise MockImpossible(
            f"{profile.bus} is no sandbox: whoever asks would get a made-up answer, signed by "
            "you. If everybody who may ask is testing, add --not-only-tests."
        )


def _said(bus: Connection, service: dict[str, Any], file: Path | None) -> Said:
    from schemas.catalogue import compile_schema, media_types_of
    from schemas.errors import PayloadInvalid
    from schemas.showing import example_to_show
    from sealway.cli.forms import read_file

    found = fetch(bus, f"/v1/schemas/{key_path(service['response_schema'])}")
    source = source_of(bus, found)
    if file is None:
        given = [str(one) for one in found.get("examples", ())]
        shown = example_to_show(source.format, source.text, given, source.references)
        if shown is None:
            raise MockImpossible("The response schema has no example. Give one with --answer FILE.")
        return Said(shown.text.encode("utf-8"), shown.media_type)
    media_type = media_types_of(source.format)[-1]
    body = read_file(file)
    try:
        compile_schema(source.format, source.text, source.references).check(body, media_type)
    except PayloadInvalid as error:
        raise MockImpossible(f"{file}: {error.detail}") from error
    return Said(body, media_type)


def _told(said: Said | Reject, file: Path | None) -> str:
    if not isinstance(said, Said):
        return f"the rejection '{said.code}'"
    return "the schema's example" if file is None else str(file)


def _serve(
    profile: Profile, code: str, said: Said | Reject, delay_s: float, count: int | None
) -> None:
    from sealway.cli.output import note
    from sealway.provider import Provider

    answered: list[str] = []

    def answer(request: Request) -> Said | Reject:
        if delay_s:
            time.sleep(delay_s)
        answered.append(request.id)
        note(f"{request.id} from {request.sender}")
        return said

    world = outside()
    with Provider(profile, clock=world.clock, transport=world.transport) as provider:
        provider.service(code)(answer)
        provider.run(until=lambda: count is not None and len(answered) >= count)

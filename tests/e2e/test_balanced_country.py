"""Through the balancer of deploy/: what compose would start, without containers.

The largest legal message passes, what is too large is refused by a gateway with its code, and
nothing that is sealed is written down on the way.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from exchange.operation.settings import Limits
from sealway.credentials import identity_of
from sealway.profile import load_profile
from signing.compose import Composed, PartIn, compose
from signing.encoding import b64url_encode
from signing.envelope import seal
from signing.identifiers import new_message_id, parse_code, parse_service_code, parse_system_id
from signing.manifest import Manifest, encode_manifest
from tests.support.balanced_country import (
    BalancedCountry,
    direct,
    nginx_missing,
    plain_nginx,
    running,
)
from tests.support.deployment import ROOT
from tests.support.kafka_fixtures import absent

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(120)]
HEADER_BYTES_MAX = 6_144
PART_BYTES_MAX = Limits().part_bytes_max


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BalancedCountry]:
    if reason := nginx_missing():
        absent(reason)
    made = BalancedCountry(tmp_path_factory.mktemp("country"))
    with pytest.MonkeyPatch.context() as patch, running(made):
        patch.setenv("SEALWAY_HOME", str(made.agencies))
        yield made


def question(country: BalancedCountry, part_bytes: int, envelope_bytes: int) -> Composed:
    """A question of the benefits agency, padded where JSON allows white space."""
    identity = identity_of(load_profile("benefits"))
    now_ms = time.time_ns() // 1_000_000
    draft = Manifest(
        bus=identity.bus,
        id=new_message_id(now_ms),
        kind="request",
        sender=identity.system,
        to=parse_system_id("sx/GOV/4004/statistics"),
        service=parse_service_code("household-index"),
        created_ms=now_ms,
        purpose=parse_code("statistics"),
        parts=(),
    )
    body = b'{"region":"EE-37","year":2024}'
    made = compose(draft, [PartIn(body.ljust(part_bytes))], identity.signer)
    payload = encode_manifest(made.manifest)
    for more in range(envelope_bytes):
        envelope = seal(payload[:-1] + b" " * more + b"}", identity.signer, now_ms // 1000)
        if len(envelope) >= envelope_bytes:
            return replace(made, envelope=envelope)
    raise AssertionError("unreachable")


def post(
    country: BalancedCountry, made: Composed, url: str | None = None, **headers: str
) -> tuple[int, Any]:
    """Send it in the short form: status and JSON, whichever it is."""
    request = urllib.request.Request(
        f"{url or country.url}/v1/messages",
        data=made.parts.data[0],
        headers={
            "Sealway-Envelope": made.envelope.decode(),
            "Sealway-Salt": b64url_encode(made.parts.salt),
            "Content-Type": "application/json",
            **headers,
        },
        method="POST",
    )
    try:
        with direct.open(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_agencies_ask_and_are_answered(country: BalancedCountry) -> None:
    ask = str(ROOT / "examples" / "benefits" / "ask.py")
    home = {"SEALWAY_HOME": str(country.agencies), "SEALWAY_PROFILE": "benefits"}
    done = country.run(sys.executable, ask, "38001085718", **home)
    assert done.stdout.startswith("alive sx/GOV/2002/civil-registry"), done.stderr
    words = ("ask", "sx/GOV/3003/territories", "country", "--purpose", "statistics")
    done = country.run("sealway", *words, '{"country":"FI"}', SEALWAY_HOME=str(country.agencies))
    assert json.loads(done.stdout)["name"] == "Finland", done.stderr


def test_the_script_may_be_run_again(country: BalancedCountry) -> None:
    for word, said in (("prepare", "country: prepared"), ("register", "country: registered")):
        done = country.script(word)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, said), done.stderr


def test_the_largest_message_of_the_short_form_passes(country: BalancedCountry) -> None:
    made = question(country, PART_BYTES_MAX, HEADER_BYTES_MAX - 3)
    assert HEADER_BYTES_MAX - 3 <= len(made.envelope) <= HEADER_BYTES_MAX
    status, told = post(country, made)
    assert (status, told["state"]) == (202, "open"), told


def test_the_largest_envelope_passes_an_nginx_whose_limits_nobody_set(
    country: BalancedCountry,
) -> None:
    made = question(country, 100, HEADER_BYTES_MAX - 3)
    with plain_nginx(country) as url:
        status, told = post(country, made, url)
    assert (status, told["state"]) == (202, "open"), told


@pytest.mark.parametrize(
    ("part_bytes", "envelope_bytes", "status", "code"),
    [
        (100, HEADER_BYTES_MAX + 1, 431, "header-too-large"),
        (PART_BYTES_MAX + 1, 1_000, 413, "part-too-large"),
    ],
)
def test_what_is_a_little_too_large_is_refused_by_a_gateway_and_not_by_the_balancer(
    part_bytes: int, envelope_bytes: int, status: int, code: str, country: BalancedCountry
) -> None:
    made = question(country, part_bytes, envelope_bytes)
    got, told = post(country, made)
    assert (got, told["code"]) == (status, code)


def test_headers_beyond_a_gateways_limit_are_refused_by_it(country: BalancedCountry) -> None:
    made = question(country, 100, 1_000)
    more = {f"x-{n}": "x" * 8_000 for n in range(4)}
    got, told = post(country, made, **more)
    assert (got, told["code"]) == (431, "header-too-large")


def test_a_refusal_that_needs_no_body_comes_before_the_body_is_over(
    country: BalancedCountry,
) -> None:
    made = question(country, PART_BYTES_MAX, 1_000)
    head, dot, rest = made.envelope.partition(b".")
    turned = head + dot + rest[:-4] + (b"AAAA" if rest[-4:] != b"AAAA" else b"BBBB")
    got, told = post(country, replace(made, envelope=turned))
    assert (got, told["code"]) == (401, "signature-invalid")


def test_the_balancer_writes_down_no_envelope_and_no_body(country: BalancedCountry) -> None:
    made = question(country, PART_BYTES_MAX, 1_000)
    post(country, made)
    time.sleep(0.2)
    assert "POST /v1/messages" in country.access_log
    assert made.envelope.decode()[-80:] not in country.access_log
    # It warns of each body that it puts into a file.
    assert "temporary file" not in (country.folder / "error.log").read_text("utf-8")

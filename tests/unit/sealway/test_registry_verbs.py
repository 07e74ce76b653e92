"""Verbs that change people and the registry: which calls they make, and what they show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealway.cli.main import main
from sealway.cli.session import Outside
from signing.certificates import parse_certificate, pem_to_der
from signing.csr import is_csr_for, pem_to_csr
from signing.encoding import b64url_decode, b64url_encode, sha256
from signing.keys import KnownCertificate
from signing.tokens import Call, verify_token
from tests.support.fake_bus import URL, FakeBus, FakeSystem

SYSTEM = "sx/GOV/1001/benefits"
Run = Callable[..., tuple[int, str, str]]


class Recorder:
    """Answers every call with one object and an ETag; keeps what was asked."""

    def __init__(self) -> None:
        self.calls: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        answer = {"id": "p1", "expires_at": "2027-01-01T00:00:00.000Z", "items": []}
        return httpx.Response(200, json=answer, headers={"etag": '"seen"'})

    @property
    def last(self) -> tuple[str, str, Any]:
        request = self.calls[-1]
        body = json.loads(request.content) if request.content else None
        return request.method, request.url.path, body


@pytest.fixture
def asked() -> Recorder:
    return Recorder()


@pytest.fixture
def run(
    bus: FakeBus, asked: Recorder, home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> Run:
    (home / "profiles").mkdir(parents=True, exist_ok=True)
    (home / "me.token").write_text("mine\n")
    (home / "profiles" / "me.toml").write_text(
        f'url = "{URL}"\nbus = "sx.example"\ninstance = "sx"\ntoken = "../me.token"\n'
    )

    def call(*words: str, profile: str = "me") -> tuple[int, str, str]:
        capsysbinary.readouterr()
        transport = httpx.MockTransport(asked)
        code = main([*words, "--profile", profile], Outside(bus.clock, transport))
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


def test_a_persons_token_is_printed_once_and_never_sent(run: Run, asked: Recorder) -> None:
    words = ("person", "add", "Anna", "--role", "integrator", "--member", "sx/GOV/1001")
    code, out, err = run(*words, "--days", "9")
    token = out.removesuffix("\n")
    assert (code, len(b64url_decode(token))) == (0, 32)
    assert token not in err
    assert asked.last == (
        "POST",
        "/v1/persons",
        {
            "name": "Anna",
            "role": "integrator",
            "days": 9,
            "token_hash": b64url_encode(sha256(token.encode())),
            "member": "sx/GOV/1001",
        },
    )
    assert run(*words)[1] != out
    assert json.loads(run(*words, "--json")[1])["token"]


def test_a_wrong_person_is_a_mistake_of_usage(run: Run, asked: Recorder) -> None:
    assert run("person", "add", "Anna", "--role", "integrator")[0] == 3
    assert run("person", "add", "Anna", "--role", "auditor", "--member", "sx/GOV/1")[0] == 3
    assert run("person", "add", "Anna", "--role", "founder")[0] == 3
    assert run("person", "add", "Anna", "--role", "auditor", "--days", "91")[0] == 3
    assert asked.calls == []


def test_people_are_listed_shown_and_revoked(run: Run, asked: Recorder) -> None:
    assert run("person", "list")[0] == 0
    assert asked.last == ("GET", "/v1/persons", None)
    assert run("person", "show", "p1")[0] == 0
    assert asked.last == ("GET", "/v1/persons/p1", None)
    assert run("person", "revoke", "p1")[0] == 0
    assert asked.last == ("POST", "/v1/persons/p1/revoke", {})


def test_who_read_what_is_asked_with_the_filters_given(run: Run, asked: Recorder) -> None:
    since = "2026-11-01T00:00:00.000Z"
    assert run("audit", "reads", "--person", "p1", "--since", since)[0] == 0
    assert asked.last == ("GET", "/v1/reads", None)
    assert dict(asked.calls[-1].url.params) == {"person": "p1", "since": since}
    assert json.loads(run("audit", "reads", "--json")[1])["items"] == []
    calls = len(asked.calls)
    for wrong in (("--since", "yesterday"), ("--message", "x"), ("--log-key", "k"), (".",)):
        assert run("audit", "reads", *wrong)[0] == 3
    assert len(asked.calls) == calls


@pytest.mark.parametrize(
    ("noun", "verb", "key", "state"),
    [
        ("member", "suspend", "sx/GOV/1001", "suspended"),
        ("member", "resume", "sx/GOV/1001", "active"),
        ("system", "suspend", SYSTEM, "suspended"),
        ("system", "withdraw", SYSTEM, "withdrawn"),
        ("certificate", "withdraw", "x" * 43, "revoked"),
        ("service", "withdraw", f"{SYSTEM}/code", "withdrawn"),
        ("grant", "withdraw", "g1", "withdrawn"),
    ],
)
def test_an_end_is_of_the_object_as_it_was_read(
    run: Run, asked: Recorder, noun: str, verb: str, key: str, state: str
) -> None:
    assert run(noun, verb, key)[0] == 0
    read, changed = asked.calls
    assert (read.method, read.url.path) == ("GET", f"/v1/{noun}s/{key}")
    assert asked.last == ("PUT", f"/v1/{noun}s/{key}", {"state": state})
    assert changed.headers["if-match"] == '"seen"'


GRANT = (SYSTEM, "code", "--consumer", "sx/GOV/2/b", "--legal-basis", "Act", "--purpose", "p")
WANTED = {
    "consumer": "sx/GOV/2/b",
    "system": SYSTEM,
    "service": "code",
    "legal_basis": "Act",
    "purposes": ["p"],
    "test": False,
}


def test_grants_are_given_asked_for_and_settled(run: Run, asked: Recorder) -> None:
    assert run("grant", "add", *GRANT)[0] == 0
    assert asked.last == ("POST", "/v1/grants", WANTED)
    end = "2027-01-01T00:00:00.000Z"
    assert run("grant", "ask", *GRANT, "--valid-to", end, "--test")[0] == 0
    assert asked.last == ("POST", "/v1/asks", {**WANTED, "test": True, "valid_to": end})
    assert run("grant", "asks")[0] == 0
    assert asked.last == ("GET", "/v1/asks", None)
    assert run("grant", "give", "a1")[0] == 0
    assert asked.last == ("POST", "/v1/asks/a1/give", {})
    assert run("grant", "refuse", "a1", "--reason", "No.")[0] == 0
    assert asked.last == ("POST", "/v1/asks/a1/refuse", {"reason": "No."})
    assert run("grant", "unask", "a1")[0] == 0
    assert asked.last == ("POST", "/v1/asks/a1/withdraw", {})
    assert run("grant", "refuse", "a1")[0] == 3


def test_a_service_names_schemas_by_subject_or_fingerprint(run: Run, asked: Recorder) -> None:
    print_ = f"sha256:{'0' * 64}"
    words = ("service", "add", SYSTEM, "code", "--title", "T", "--unlisted")
    assert run(*words, "--request", "s.request", "--response", print_)[0] == 0
    body = asked.last[2]
    assert (body["request_schema"], body["response_schema"]) == ({"subject": "s.request"}, print_)
    assert body["listed"] is False


def _holds(bus: FakeBus, body: dict[str, str], certificate: Path) -> bool:
    parsed = parse_certificate(pem_to_der(certificate.read_bytes()))
    assert b64url_decode(body["certificate"]) == parsed.der
    known = KnownCertificate(
        parsed.x5t, SYSTEM, parsed.verifier, parsed.not_before_ms, parsed.not_after_ms  # type: ignore[arg-type]
    )  # fmt: skip

    class Only:
        def resolve(self, x5t: str) -> KnownCertificate:
            assert x5t == parsed.x5t
            return known

    call = Call("sx.example", "POST", f"{URL}/v1/certificates")
    verify_token(body["proof"], call, Only(), bus.clock.now_ms() // 1000)
    return True


def test_a_certificate_goes_with_a_proof_that_its_key_signs(
    run: Run, bus: FakeBus, asked: Recorder, tmp_path: Path
) -> None:
    key_words = ["key", "new", "mine", "--system", SYSTEM]
    assert main(key_words, Outside(bus.clock)) == 0
    add = ("certificate", "add", "mine.cert.pem", "--system", SYSTEM)
    assert run(*add, "--key", "mine.key.pem")[0] == 0
    assert _holds(bus, asked.last[2], tmp_path / "mine.cert.pem")
    assert run(*add)[0] == 0
    assert "proof" not in asked.last[2]
    assert main(["key", "new", "other", "--system", SYSTEM], Outside(bus.clock)) == 0
    assert run(*add, "--key", "other.key.pem")[0] == 3


def test_a_request_is_made_and_is_a_proof(
    run: Run,
    bus: FakeBus,
    asked: Recorder,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert main(["key", "new", "mine", "--system", SYSTEM], Outside(bus.clock)) == 0
    capsysbinary.readouterr()
    assert main(["key", "csr", "mine.key.pem", "--system", SYSTEM], Outside(bus.clock)) == 0
    pem = capsysbinary.readouterr()[0]
    (tmp_path / "mine.csr.pem").write_bytes(pem)
    parsed = parse_certificate(pem_to_der((tmp_path / "mine.cert.pem").read_bytes()))
    assert is_csr_for(pem_to_csr(pem), parsed, SYSTEM)
    assert not is_csr_for(pem_to_csr(pem), parsed, "sx/GOV/1001/other")
    add = ("certificate", "add", "mine.cert.pem", "--system", SYSTEM, "--csr", "mine.csr.pem")
    assert run(*add)[0] == 0
    assert b64url_decode(asked.last[2]["proof"]) == pem_to_csr(pem)
    assert run(*add, "--key", "mine.key.pem")[0] == 3


def test_a_system_renews_its_key_as_itself(
    run: Run, bus: FakeBus, benefits: FakeSystem, asked: Recorder, tmp_path: Path
) -> None:
    assert run("key", "renew", "next", profile="benefits")[0] == 0
    method, path, body = asked.last
    assert (method, path, body["system"]) == ("POST", "/v1/certificates", SYSTEM)
    assert _holds(bus, body, tmp_path / "next.cert.pem")
    assert asked.calls[-1].headers["authorization"].count(".") == 2  # signed by the old key
    assert run("key", "renew", "next", profile="benefits")[0] == 3


def test_an_export_writes_over_nothing_unless_told_to(
    run: Run, asked: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "case.zip").write_bytes(b"evidence")
    code, _, err = run("audit", "export", "case.zip")
    assert (code, "--force writes over it" in err, asked.calls) == (3, True, [])
    run("audit", "export", "case.zip", "--force")
    assert asked.calls[-1].url.path == "/v1/exports"
    assert (tmp_path / "case.zip").read_bytes() == b"evidence"  # what came was no bundle


def test_a_persons_calls_carry_the_token_in_the_file(run: Run, home: Path) -> None:
    code, _, err = run("token", "GET", f"{URL}/v1/members")
    assert (code, f"send the token in {home / 'profiles' / '../me.token'}" in err) == (3, True)

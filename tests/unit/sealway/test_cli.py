"""The command line: what is printed where, and the exit code of every outcome."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealway import Provider, Reject
from signing.encoding import b64url_encode
from signing.message import parse_frame
from tests.support.fake_bus import URL, FakeBus, FakeSystem

REGISTRY = "sx/GOV/2002/civil-registry"
QUESTION = (REGISTRY, "person-status", '{"person_code":"1"}')
Answering = Callable[[Callable[[Any], Any]], None]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(run: Run, benefits: FakeSystem) -> Callable[..., tuple[int, str, str]]:
    return lambda *more: run("ask", *QUESTION, "--profile", "benefits", *more)


def test_ask_prints_the_answer_and_beside_it_who_vouches(ask: Run, answering: Answering) -> None:
    answering(lambda _: {"status": "alive"})
    code, out, err = ask("--purpose", "child-benefit")
    assert (code, out) == (0, '{"status":"alive"}')
    assert f"signed by {REGISTRY}, sx.example/log/1 #1" in err


def test_ask_gives_machines_one_document(ask: Run, answering: Answering) -> None:
    answering(lambda _: {"status": "alive"})
    code, out, err = ask("--json")
    said = json.loads(out)
    assert (code, err) == (0, "")
    assert (said["json"], said["signer"]) == ({"status": "alive"}, REGISTRY)
    assert said["receipt"]["text"].startswith("c2sp.org/tlog-proof@v1\n")


def test_the_body_comes_from_a_file_or_standard_input(
    run: Run, benefits: FakeSystem, answering: Answering, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    answering(lambda request: request)
    (tmp_path / "q.json").write_text('{"from":"file"}')
    assert run("ask", *QUESTION[:2], "@q.json", "--profile", "benefits")[1] == '{"from":"file"}'
    stdin = io.TextIOWrapper(io.BytesIO(b'{"from":"stdin"}'))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("ask", *QUESTION[:2], "--profile", "benefits")[1] == '{"from":"stdin"}'
    assert run("ask", *QUESTION[:2], "@none.json", "--profile", "benefits")[0] == 3


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("rejected", 1, "rejected: no-data: No such person."),
        ("refused", 1, "refused: not-allowed: Refused: not-allowed.\n  Do the right thing."),
        ("pending", 2, "pending: No answer came in time"),
        ("unproven", 1, "not proven: "),
        ("away", 4, "bus not reachable: http://bus.test cannot be reached."),
    ],
)
def test_each_outcome_has_its_exit_code(
    ask: Run, bus: FakeBus, answering: Answering, registry: FakeSystem, said: str, code: int,
    words: str,
) -> None:  # fmt: skip
    answering(lambda _: Reject("no-data", "No such person."))
    if said == "refused":
        bus.refuse["person-status"] = {"status": 403, "code": "not-allowed"}
    if said == "pending":
        bus.answer_later = None
    if said == "unproven":
        bus.answer_later = None
        bus.tamper = lambda what, value: "nonsense" if what == "receipt" else value
    if said == "away":
        bus.down = [httpx.ConnectError("refused")] * 1000
    got, out, err = ask()
    assert (got, out) == (code, "")
    assert words in err
    bus.down = [httpx.ConnectError("refused")] * 1000 if said == "away" else []
    got, out, err = ask("--json")
    assert (got, err) == (code, "")
    assert json.loads(out)["code"]


def test_nobody_asks_as_a_person_or_as_nobody(run: Run, home: Path) -> None:
    code, _, err = run("ask", *QUESTION)
    assert (code, "No profile is chosen" in err) == (3, True)
    assert run("ask", "sx/GOV/2002/civil-registry")[0] == 3
    assert run("ask", *QUESTION, "--nonsense")[0] == 3


def test_sends_now_and_collects_later(
    run: Run, benefits: FakeSystem, provider: Provider, tmp_path: Path
) -> None:
    code, out, err = run("send", *QUESTION, "--profile", "benefits")
    message_id = out.strip()
    assert (code, "accepted, sx.example/log/1 #0" in err) == (0, True)
    code, _, err = run("message", "answer", message_id, "--profile", "benefits")
    assert code == 2
    assert f"\n  sealway message answer {message_id} --wait 30 --profile benefits" in err
    provider.service("person-status")(lambda _: {"status": "alive"})
    provider.serve_once()
    got = run("message", "answer", message_id, "-o", "a.json", "--profile", "benefits")
    assert got[0] == 0
    assert (tmp_path / "a.json").read_text() == '{"status":"alive"}'
    shown = run("message", "show", message_id, "--profile", "benefits", "--json")
    assert json.loads(shown[1])["state"] == "answered"
    assert "accepted" in run("message", "show", message_id, "--profile", "benefits")[1]
    receipt = run("message", "receipt", message_id, "--profile", "benefits")
    assert receipt[1].startswith("c2sp.org/tlog-proof@v1\n")


def test_a_message_id_is_checked_before_it_is_sent(run: Run, benefits: FakeSystem) -> None:
    assert run("message", "show", "../certificates", "--profile", "benefits")[0] == 3


def test_a_mailbox_is_looked_into_leased_and_confirmed(
    run: Run, bus: FakeBus, benefits: FakeSystem, registry: FakeSystem
) -> None:
    run("send", *QUESTION, "--profile", "benefits", "--purpose", "child-benefit")
    as_registry = ("--profile", "civil-registry")
    assert run("mailbox", "show", *as_registry)[1].startswith("person-status\trequest\t1\t0")
    words = ("mailbox", "lease", "--service", "person-status", *as_registry)
    code, out, _ = run(*words, "--json")
    (held,) = json.loads(out)["deliveries"]
    assert (code, held["json"], held["purpose"]) == (0, {"person_code": "1"}, "child-benefit")
    assert run(*words)[0] == 1
    code, out, _ = run("mailbox", "extend", held["lease"], "--lease", "60", *as_registry)
    assert (code, out.startswith(held["lease"])) == (0, True)
    assert run("mailbox", "extend", "nonsense", *as_registry)[0] == 1
    assert run("mailbox", "confirm", held["lease"], *as_registry)[0] == 0
    words_ = ("mailbox", "release", held["lease"], "--reason", "busy", *as_registry, "--json")
    code, out, _ = run(*words_)
    assert json.loads(out)["results"] == [{"lease": held["lease"], "state": "ready"}]
    assert (code, bus.released) == (0, [(held["lease"], "busy")])
    assert run(*words)[0] == 0


def test_curl_users_sign_send_and_verify(
    run: Run, bus: FakeBus, benefits: FakeSystem, answering: Answering, tmp_path: Path
) -> None:
    answering(lambda _: {"status": "alive"})
    (tmp_path / "q.json").write_text('{"person_code":"1"}')
    signed = run(
        "envelope", "sign", "--to", REGISTRY, "--service", "person-status", "--frame", "q.frame",
        "q.json", "--profile", "benefits",
    )  # fmt: skip
    assert signed[0] == 0
    reply = httpx.Client(transport=bus.transport).post(
        f"{URL}/v1/messages",
        content=(tmp_path / "q.frame").read_bytes(),
        headers={"prefer": "wait=10"},
    )
    (tmp_path / "a.delivery").write_bytes(reply.content)
    code, out, _ = run("envelope", "verify", "a.delivery", "--profile", "benefits", "--json")
    said = json.loads(out)
    assert (code, said["verdict"], said["signer"]) == (0, "proven", REGISTRY)
    changed = reply.content[:-3] + b"x" + reply.content[-2:]
    (tmp_path / "a.delivery").write_bytes(changed)
    assert run("envelope", "verify", "a.delivery", "--profile", "benefits")[0] == 1


def test_signing_prints_the_headers_of_the_short_form(
    run: Run, benefits: FakeSystem, tmp_path: Path
) -> None:
    (tmp_path / "q.json").write_text('{"person_code":"1"}')
    words = ("--to", REGISTRY, "--service", "person-status", "--profile", "benefits")
    code, out, _ = run("envelope", "sign", *words, "q.json")
    names = [line.partition(": ")[0] for line in out.splitlines()]
    assert (code, names) == (0, ["Sealway-Envelope", "Sealway-Salt", "Content-Type"])
    (tmp_path / "q.headers").write_text(out)
    shown = run("envelope", "show", "q.headers", "--json")
    assert json.loads(shown[1])["manifest"]["to"] == REGISTRY
    assert "not verified" in shown[2]
    words = ("envelope", "verify", "--headers", "q.headers", "q.json", "--profile", "benefits")
    assert run(*words)[0] == 2


def test_a_reply_of_curl_is_verified_from_its_headers(
    run: Run, bus: FakeBus, benefits: FakeSystem, answering: Answering, tmp_path: Path
) -> None:
    answering(lambda _: {"status": "alive"})
    run("ask", *QUESTION, "--profile", "benefits")
    answer = list(bus.kept.values())[1].message
    (tmp_path / "a.headers").write_bytes(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
        b"sealway-envelope: " + answer.envelope.raw + b"\r\n"
        b"sealway-salt: " + b64url_encode(answer.parts.salt).encode() + b"\r\n"
        b"content-type: application/json\r\n\r\n"
    )
    (tmp_path / "a.json").write_bytes(answer.parts.data[0])
    words = ("envelope", "verify", "--headers", "a.headers", "a.json", "--profile", "benefits")
    code, out, _ = run(*words)
    assert (code, "proven" in out, "#" in out or "sx.example/log/1" in out) == (0, True, True)
    (tmp_path / "a.json").write_bytes(b'{"status":"dead!"}')
    assert run(*words)[0] == 1


def test_a_provider_with_curl_answers_no_and_the_asker_verifies_it(
    run: Run, bus: FakeBus, benefits: FakeSystem, registry: FakeSystem, tmp_path: Path
) -> None:
    message_id = run("send", *QUESTION, "--profile", "benefits")[1].strip()
    digest = bus.kept[message_id].message.envelope.digest
    (tmp_path / "why.json").write_text('{"text":"No such person."}')
    words = ("--to", benefits.id, "--service", "person-status", "--frame", "no.frame")
    about = ("--about", f"{message_id}:{digest}", "--reject", "no-data")
    profile = ("--profile", "civil-registry")
    assert run("envelope", "sign", *words, *about, "why.json", *profile)[0] == 0
    frame = (tmp_path / "no.frame").read_bytes()
    taken = httpx.Client(transport=bus.transport).post(f"{URL}/v1/messages", content=frame)
    assert taken.status_code == 202
    code, _, err = run("message", "answer", message_id, "--profile", "benefits")
    assert (code, "rejected: no-data: No such person." in err) == (1, True)
    raw, parts = parse_frame(frame)
    problem = {
        "code": "rejected", "envelope": raw.decode(), "salt": b64url_encode(parts.salt),
        "parts": [b64url_encode(part) for part in parts.data],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(problem))
    (tmp_path / "a.headers").write_text("HTTP/1.1 422\nContent-Type: application/problem+json\n")
    verify = ("envelope", "verify", "--headers", "a.headers", "a.json", "--profile", "benefits")
    assert json.loads(run(*verify, "--json")[1])["reason"] == "no-data"
    assert run("envelope", "sign", *words, "--reject", "no-data", *profile)[0] == 3
    assert run("envelope", "sign", *words, *profile)[0] == 3


def test_keys_are_shown_without_their_secret(run: Run, tmp_path: Path) -> None:
    run("key", "new", "k", "--system", "sx/GOV/1001/benefits", "--alg", "Ed25519")
    secret = (tmp_path / "k.key.pem").read_text().splitlines()[1]
    code, out, _ = run("key", "show", "k.key.pem", "--json")
    assert (code, json.loads(out)) == (0, {"sort": "private key", "alg": "Ed25519"})
    assert secret not in out
    shown = json.loads(run("key", "show", "k.cert.pem", "--json")[1])
    assert (shown["alg"], len(shown["x5t"])) == ("Ed25519", 43)


def test_a_token_is_for_one_call(run: Run, bus: FakeBus, benefits: FakeSystem) -> None:
    code, out, _ = run("token", "get", f"{URL}/v1/mailbox?x=1", "--profile", "benefits")
    assert code == 0
    request = httpx.Request("GET", f"{URL}/v1/mailbox", headers={"authorization": out.strip()})
    assert bus.caller(request) == benefits.id
    assert run("token", "GET", "http://elsewhere.test/v1", "--profile", "benefits")[0] == 3


@pytest.fixture
def founder(home: Path, bus: FakeBus) -> None:
    (home / "profiles").mkdir(parents=True, exist_ok=True)
    (home / "founder.token").write_text("founders-token\n")
    (home / "profiles" / "founder.toml").write_text(
        f'url = "{URL}"\nbus = "sx.example"\ninstance = "sx"\ntoken = "../founder.token"\n'
    )


def test_apply_says_what_changed_and_changes_nothing_twice(
    run: Run, founder: None, tmp_path: Path
) -> None:
    (tmp_path / "network.toml").write_text(
        '[[member]]\nid = "sx/GOV/1001"\nname = "Benefits"\n'
        '[[member]]\nid = "sx/GOV/2002"\nname = "Registry"\n'
    )
    code, out, _ = run("apply", "network.toml")
    assert code == 0
    assert out.endswith("2 changed, 0 unchanged, directory version 7\n")
    assert "0 changed, 2 unchanged" in run("apply", "network.toml")[1]
    assert json.loads(run("apply", "network.toml", "--json")[1])["unchanged"] == 2
    assert run("apply", "none.toml")[0] == 3


def test_a_request_is_cancelled(run: Run, benefits: FakeSystem, registry: FakeSystem) -> None:
    words = ("--profile", "benefits", "--json")
    _, out, _ = run("send", *QUESTION, *words, "--purpose", "child-benefit")
    id_ = json.loads(out)["id"]
    code, out, _ = run("message", "cancel", id_, *words)
    assert (code, json.loads(out)) == (0, {"id": id_, "state": "cancelled"})


def test_refusals_are_listed_with_their_place(run: Run, bus: FakeBus, ask: Run) -> None:
    bus.refuse["person-status"] = {"status": 422, "code": "purpose-required"}
    assert ask()[0] == 1
    id_ = bus.refusals[0][0].manifest.id
    code, out, _ = run("message", "refusals", id_, "--profile", "benefits")
    assert (code, out.split("\t")[1:3]) == (0, ["purpose-required", "sx.example/log/1"])
    code, out, _ = run("message", "refusals", id_, "--profile", "benefits", "--json")
    assert (code, json.loads(out)[0]["code"]) == (0, "purpose-required")
    other = "01a201fb-aa7b-7cc0-98c4-dc0c0c07398f"
    assert run("message", "refusals", other, "--profile", "benefits")[0] == 1


def test_a_dead_letter_is_redriven_or_dropped(run: Run, founder: None) -> None:
    id_ = "01a201fb-aa7b-7cc0-98c4-dc0c0c07398f"
    redrive = ("dead", "redrive", id_, "--profile", "founder")
    code, _, err = run(*redrive)
    assert (code, "repeat-not-confirmed" in err) == (1, True)
    code, out, _ = run(*redrive, "--may-repeat", "--json")
    assert (code, json.loads(out)) == (0, {"id": id_, "delivery": "queued"})
    code, out, _ = run("dead", "drop", id_, "--profile", "founder")
    assert (code, "withdrawn" in out) == (0, True)
    assert run("dead", "drop", "nonsense", "--profile", "founder")[0] == 3


def test_what_the_wire_says_cannot_drive_the_terminal(run: Run, founder: None) -> None:
    code, out, _ = run("member", "list")
    assert (code, out) == (0, "sx/GOV/1001\tBenefits[31m Agency\tactive\n")


def test_a_verb_whose_extra_is_missing_says_which(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealway.cli.lazy._found", dict)
    code, _, err = run("serve")
    assert (code, "pip install 'sealway[server]'" in err) == (3, True)


@pytest.mark.parametrize(
    "verb",
    [
        "ask", "send", "message show", "message answer", "message receipt", "mailbox show",
        "mailbox lease", "mailbox confirm", "dead list", "dead show", "envelope sign",
        "envelope verify", "envelope show", "profile add", "profile list", "profile use",
        "key new", "key show", "token", "apply", "member list", "member show", "system list",
        "certificate show", "service list", "schema list", "schema show", "schema lint",
        "grant show",
    ],
)  # fmt: skip
def test_every_verb_shows_an_example(run: Run, verb: str) -> None:
    code, out, _ = run(*verb.split(), "--help")
    assert code == 0
    assert f"Example:\n    {'id=$(' if verb == 'send' else ''}" in out
    assert f"sealway {verb}" in out


def test_what_curl_needs_comes_as_one_document_too(
    run: Run, benefits: FakeSystem, tmp_path: Path
) -> None:
    as_benefits = ("--profile", "benefits", "--json")
    (tmp_path / "q.json").write_text("{}")
    words = ("envelope", "sign", "--to", REGISTRY, "--service", "person-status", "q.json")
    said = json.loads(run(*words, *as_benefits)[1])
    assert list(said["headers"]) == ["Sealway-Envelope", "Sealway-Salt", "Content-Type"]
    said = json.loads(run(*words, "--frame", "q.frame", *as_benefits)[1])
    assert said["bytes"] == (tmp_path / "q.frame").stat().st_size
    said = json.loads(run("token", "get", f"{URL}/v1/mailbox", *as_benefits)[1])
    assert (said["token"].count("."), said["method"], said["life_s"]) == (2, "GET", 60)
    said = json.loads(run("profile", "use", "benefits", "--json")[1])
    assert (said["name"], said["acts_as"]) == ("benefits", benefits.id)


def test_an_answer_names_its_request_with_the_digest(
    run: Run, benefits: FakeSystem, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text("{}")
    words = ("--to", REGISTRY, "--service", "person-status", "a.json", "--profile", "benefits")
    code, _, err = run(
        "envelope", "sign", "--about", "01a2051e-cac6-713f-9447-bfecae6931bf", *words
    )
    assert (code, "is not ID:DIGEST" in err) == (3, True)


def test_what_is_to_be_verified_is_there(run: Run, tmp_path: Path, home: Path) -> None:
    (tmp_path / "anchors.toml").write_text("")
    code, _, err = run("audit", "verify", "case.zip", "--anchors", "anchors.toml")
    assert (code, "there is no case.zip" in err) == (3, True)
    (tmp_path / "case.zip").write_text("no bundle")
    code, out, _ = run("audit", "verify", "case.zip")
    assert (code, "bundle-malformed" in out, "\nmade" in out, "signatures" in out) == (
        1, True, False, False,
    )  # fmt: skip


def test_who_waited_in_vain_is_told_what_became_of_the_question(
    ask: Run, bus: FakeBus, run: Run
) -> None:
    bus.answer_later = None
    code, _, err = ask("--timeout", "1")
    assert code == 2
    assert "ended with the waiting" in err
    (line,) = re.findall(r"\n  sealway (message show .*)    #", err)
    assert run(*line.split())[0] == 0


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_a_time_limit_lies_ahead(ask: Run, seconds: str) -> None:
    assert ask("--timeout", seconds)[0] == 3


def test_apply_says_where_the_file_is_refused(
    run: Run, bus: FakeBus, founder: None, tmp_path: Path
) -> None:
    (tmp_path / "network.toml").write_text(
        '[[member]]\nid = "sx/GOV/1001"\nname = "Benefits"\n'
        '[[member]]\nid = "sx/GOV/2002"\nname = "Registry"\n'
    )
    bus.refuse["changes"] = {"status": 409, "code": "conflict", "index": 1}
    code, _, err = run("apply", "network.toml")
    assert code == 1
    assert err.startswith("network.toml, [[member]] number 2:\nrefused: conflict")


def test_an_example_of_a_schema_is_a_registered_one_or_made_up(
    run: Run, bus: FakeBus, benefits: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = '"$schema": "https://json-schema.org/draft/2020-12/schema"'
    code, user, avro = (f"sha256:{digit * 64}" for digit in "123")
    schemas: dict[str, dict[str, object]] = {
        code: {"fingerprint": code, "format": "json-schema", "text": f'{{{dialect}, "const": 5}}'},
        user: {
            "fingerprint": user, "format": "json-schema",
            "text": f'{{{dialect}, "type": "array", "items": {{"$ref": "code"}}, "minItems": 1}}',
            "references": [{"name": "code", "fingerprint": code}],
        },
        avro: {"fingerprint": avro, "format": "avro", "text": '"int"'},
    }  # fmt: skip

    def show(request: httpx.Request, key: str) -> httpx.Response:
        return httpx.Response(200, json=schemas[key])

    monkeypatch.setattr(bus, "routes", lambda: [("GET", r"/v1/schemas/(.+)", show)])
    words = ("--example", "--profile", "benefits")
    assert json.loads(run("schema", "show", user, *words)[1]) == [5]
    schemas[user]["examples"] = ["[5, 5]"]
    assert run("schema", "show", user, *words)[:2] == (0, "[5, 5]\n")
    assert run("schema", "show", user, *words[1:], "--json")[0] == 0
    assert run("schema", "show", avro, *words)[:2] == (0, "1\n")
    schemas[avro] |= {"format": "xsd", "text": "<a/>"}
    status, _, err = run("schema", "show", avro, *words)
    assert (status, "No example is registered" in err) == (3, True)


def test_lint_says_what_a_schema_leaves_unsaid(run: Run, tmp_path: Path) -> None:
    dialect = '"$schema": "https://json-schema.org/draft/2020-12/schema"'
    (tmp_path / "s.json").write_text(f'{{{dialect}, "type": "object"}}')
    code, out, _ = run("schema", "lint", "s.json")
    assert (code, out.startswith("(the whole): additional-undecided. Say")) == (1, True)
    found = json.loads(run("schema", "lint", "s.json", "--json")[1])
    assert [one["code"] for one in found] == ["additional-undecided"]
    (tmp_path / "s.json").write_text(f"{{{dialect}}}")
    assert run("schema", "lint", "s.json")[:2] == (0, "")
    (tmp_path / "s.json").write_bytes(b'{"\xff": 1}')
    status, _, err = run("schema", "lint", "s.json")
    assert (status, "not strict JSON" in err) == (3, True)

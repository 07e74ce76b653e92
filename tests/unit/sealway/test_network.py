"""network.toml: read into changes in order, or refused with the place of the mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealway.cli.network import NetworkInvalid, read_network
from signing.certificates import der_to_pem
from tests.support.fake_bus import FakeBus

COUNTRY = """
[[member]]
id = "sx/GOV/1001"
name = "Benefits"

[[system]]
id = "sx/GOV/1001/benefits"
name = "Child benefits"

[[certificate]]
system = "sx/GOV/1001/benefits"
file = "benefits.pem"

[[schema]]
subject = "status.request"
file = "request.json"

[[service]]
system = "sx/GOV/1001/benefits"
code = "status"
title = "Status"
request = "request.json"
response = "status.response"
delivery = { kind = "mailbox" }

[[grant]]
consumer = "sx/GOV/2002/registry"
service = "sx/GOV/1001/benefits/status"
purposes = ["census"]
legal_basis = "Census Act"
valid_from = 2026-01-01
valid_to = 2027-01-01T12:00:00+02:00
"""


@pytest.fixture
def network(tmp_path: Path, bus: FakeBus) -> Path:
    system = bus.add_system("sx/GOV/1001/benefits")
    (tmp_path / "benefits.pem").write_bytes(der_to_pem(system.der))
    (tmp_path / "benefits.der").write_bytes(system.der)
    (tmp_path / "request.json").write_text('{"type": "object"}\n')
    path = tmp_path / "network.toml"
    path.write_text(COUNTRY)
    return path


def refuses(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(NetworkInvalid, match=words):
        read_network(path)


def test_changes_come_in_an_order_in_which_each_can_be_made(network: Path) -> None:
    nouns = [change.noun for change in read_network(network)]
    assert nouns == ["member", "system", "certificate", "schema", "service", "grant"]
    network.write_text("\n\n".join(reversed(COUNTRY.strip().split("\n\n"))))
    assert [change.noun for change in read_network(network)] == nouns


def test_a_certificate_is_read_from_its_file(network: Path, bus: FakeBus) -> None:
    certificate = read_network(network)[2].object
    (system,) = bus.systems.values()
    assert certificate["x5t"] == system.known.x5t
    assert (certificate["alg"], certificate["custody"]) == ("ES256", "member")
    network.write_text(COUNTRY.replace("benefits.pem", "benefits.der"))
    assert read_network(network)[2].object == certificate


def test_a_schema_keeps_its_text_byte_for_byte(network: Path) -> None:
    schema = read_network(network)[3].object
    assert schema == {
        "format": "json-schema", "subject": "status.request", "text": '{"type": "object"}\n',
    }  # fmt: skip


def test_a_schema_comes_with_examples_references_and_the_format_of_its_ending(
    network: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.avsc").write_text('"int"')
    (tmp_path / "one.json").write_text("1")
    network.write_text(
        '[[schema]]\nsubject = "a"\nfile = "a.avsc"\nexamples = ["one.json"]\n'
        'references = [{ name = "b", subject = "c", version = 1 }]\n'
    )
    assert read_network(network)[0].object == {
        "format": "avro", "subject": "a", "text": '"int"', "examples": ["1"],
        "references": [{"name": "b", "subject": "c", "version": 1}],
    }  # fmt: skip
    refuses(network, network.read_text().replace('["one.json"]', '"one.json"'), "list of files")


def test_a_service_names_schemas_by_file_subject_or_fingerprint(network: Path) -> None:
    service = read_network(network)[4].object
    assert service["request_schema"] == {"subject": "status.request"}
    assert service["response_schema"] == {"subject": "status.response"}
    assert service["delivery"] == {"kind": "mailbox"}
    fingerprint = "sha256:" + "0" * 64
    network.write_text(COUNTRY.replace('"status.response"', f'"{fingerprint}"'))
    assert read_network(network)[4].object["response_schema"] == fingerprint


def test_a_grant_names_its_service_in_one_text_and_days_begin_at_midnight(network: Path) -> None:
    grant = read_network(network)[5].object
    assert (grant["system"], grant["service"]) == ("sx/GOV/1001/benefits", "status")
    assert grant["valid_from"] == "2026-01-01T00:00:00.000Z"
    assert grant["valid_to"] == "2027-01-01T10:00:00.000Z"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[member]]", "[[members]]", r"unknown table \[\[members\]\]"),
        ("[[member]]", "[member]", "double brackets"),
        ('name = "Benefits"', "", r"\[\[member\]\] number 1 lacks name"),
        ('name = "Benefits"', 'name = "B"\ncolour = 1', "no field 'colour'"),
        ("benefits.pem", "nothing.pem", "there is no .*nothing.pem; 'sealway key new"),
        ("benefits.pem", "request.json", r"\[\[certificate\]\] number 1: Expected"),
        ('"sx/GOV/1001/benefits/status"', '"status"', "'<system>/<code>'"),
        ('request = "request.json"', "request = 7", "file or subject"),
        ('name = "Benefits"', "name = ", "network.toml: "),
    ],
)
def test_says_where_the_mistake_is(network: Path, old: str, new: str, words: str) -> None:
    refuses(network, COUNTRY.replace(old, new, 1), words)


def test_all_mistakes_are_named_at_once(network: Path) -> None:
    text = COUNTRY.replace('name = "Benefits"', "colour = 1", 1).replace("benefits.pem", "no.pem")
    refuses(network, text, r"(?s)\[\[member\]\] number 1 lacks name.*\[\[certificate\]\] number 1")


def test_refuses_a_file_that_cannot_be_one(network: Path, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(b" " * (1024 * 1024 + 1))
    refuses(network, COUNTRY, "longer than")
    (tmp_path / "request.json").write_bytes(b"\xff")
    refuses(network, COUNTRY, "not UTF-8")

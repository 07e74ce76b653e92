"""The types that cross the port, and finding the plug-ins."""

from pathlib import Path

import pytest

from adapters import plugins
from adapters.base import AdapterRequest, Reject
from adapters.errors import (
    AdapterError,
    AdapterSettingsInvalid,
    AttemptFailed,
    ProviderMisbehaved,
    ProviderNotSetUp,
    ProviderTimeout,
    ProviderUnreachable,
)
from signing.errors import JsonInvalid, SealwayError


def request(body: bytes) -> AdapterRequest:
    return AdapterRequest(
        id="01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
        sender="sx/GOV/1001/benefits",
        system="sx/GOV/3003/territories",
        service="subdivisions",
        attempt=1,
        body_type="application/json",
        body=body,
    )


def test_parses_the_body_once_and_strictly() -> None:
    asked = request(b'{"country":"FI"}')
    assert asked.json == {"country": "FI"}
    assert asked.json is asked.json


def test_refuses_a_body_with_a_duplicate_key() -> None:
    with pytest.raises(JsonInvalid):
        _ = request(b'{"country":"FI","country":"SE"}').json


def test_cuts_the_text_of_a_rejection() -> None:
    assert len(Reject("failure", "x" * 5000).text) == 4000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProviderUnreachable, "provider-unreachable"),
        (ProviderNotSetUp, "provider-not-set-up"),
        (ProviderTimeout, "provider-timeout"),
        (ProviderMisbehaved, "provider-misbehaved"),
    ],
)
def test_each_attempt_error_has_its_code(error: type[AttemptFailed], code: str) -> None:
    assert error.code == code
    assert issubclass(error, AdapterError)
    assert issubclass(error, SealwayError)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    info = folder / "agency_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: agency-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[sealway.adapters]\n{lines}\n")
    monkeypatch.syspath_prepend(str(folder))


def test_finds_an_installed_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "agency-rest = adapters.rest:RestAdapter")
    assert "agency-rest" in plugins.names()
    assert plugins.load("agency-rest").__name__ == "RestAdapter"


def test_refuses_a_kind_that_nobody_offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "agency-rest = adapters.rest:RestAdapter")
    with pytest.raises(AdapterSettingsInvalid, match="agency-rest"):
        plugins.load("carrier-pigeon")


def test_names_the_library_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "pigeon = no_such_library:Pigeon")
    with pytest.raises(AdapterSettingsInvalid, match="no_such_library"):
        plugins.load("pigeon")

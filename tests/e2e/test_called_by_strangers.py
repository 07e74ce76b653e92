"""The API as /openapi.json tells it: called at random by everybody, and by a generated client."""

import importlib
import io
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.faults.processes import Crowd, serve, wait_ready
from tests.faults.site import Site, apply_network, make_site, with_egress
from tests.fuzz.callers import system
from tests.fuzz.run import SHORT, keys_of, run
from tests.support.agencies import PERSON_STATUS, question

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]
SEED = 7
OVERRIDES = """
content_type_overrides:
  application/vnd.sealway.message: application/octet-stream
  application/vnd.sealway.delivery: application/octet-stream
"""
"""The generator's own way to be told that a media type is bytes."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = make_site(tmp_path_factory.mktemp("strangers"))
    with_egress(made)
    with (made.bus / "sealway.toml").open("a") as file:
        file.write(SHORT)
    with Crowd(made) as crowd:
        process = serve(crowd, made)
        wait_ready(made, process)
        apply_network(made)
        yield made


@pytest.fixture(scope="module")
def client(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package that a stock generator makes of the document, imported."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "overrides.yaml").write_text(OVERRIDES)
    (folder / "openapi.json").write_bytes(httpx.get(f"{site.url}/openapi.json").content)
    words = ["--path", "openapi.json", "--meta", "none", "--output-path", "sealway_generated"]
    command = ["-m", "openapi_python_client", "generate", "--config", "overrides.yaml", *words]
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("sealway_generated")
    sys.path.remove(str(folder))


def test_a_generated_client_sends_a_message_and_sees_it_answered(site: Site, client: Any) -> None:
    asked = question(
        keys_of(site), time.time_ns() // 1_000_000, PERSON_STATUS, {"person_code": "7"}
    )
    send = importlib.import_module("sealway_generated.api.messages.post_messages")
    show = importlib.import_module("sealway_generated.api.messages.get_messages_id")
    types = importlib.import_module("sealway_generated.types")
    with client.Client(base_url=site.url) as anybody:
        body = types.File(payload=io.BytesIO(asked.frame))
        sent = send.sync_detailed(client=anybody, body=body)
    assert sent.status_code == 202, sent.content
    id_ = asked.manifest.id
    assert (str(sent.parsed.id), sent.parsed.receipt[:25]) == (id_, "c2sp.org/tlog-proof@v1\nex")
    benefits = system(site, "benefits")
    until, state = time.monotonic() + 20, ""
    while state != "answered" and time.monotonic() < until:
        header = benefits.headers("GET", f"{site.url}/v1/messages/{id_}")["Authorization"]
        token = header.removeprefix("Bearer ")
        with client.AuthenticatedClient(base_url=site.url, token=token) as ours:
            state = show.sync(id_, client=ours, prefer="wait=1").state
    assert state == "answered"


def test_every_operation_answers_everybody_as_documented(site: Site) -> None:
    assert run(site, 1, random.Random(SEED))

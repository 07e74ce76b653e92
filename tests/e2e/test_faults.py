"""The bus is killed at random moments under load; and the checker that says so can say no."""

import base64
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.operation.key_files import load_signer
from signing.compose import PartIn, compose
from signing.identifiers import new_message_id
from signing.jws import MESSAGE, decode_jws
from signing.manifest import parse_manifest
from signing.message import FRAME_TYPE, parse_frame
from tests.faults.breaks import BREAKS
from tests.faults.journal import read_journal
from tests.faults.processes import Crowd, serve
from tests.faults.run import break_and_check, in_flight
from tests.faults.site import ROOT, Site

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
KILLS = 30


def faults(*words: str) -> subprocess.CompletedProcess[str]:
    """`make faults`, without make."""
    command = [sys.executable, "tests/faults/run.py", *words]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_doubled_by_thirty_kills() -> None:
    done = faults("--n", str(KILLS))
    print(done.stdout)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout
    assert last.startswith(f"faults: {KILLS} kills, "), done.stdout
    assert last.endswith(" receipts, 0 lost, 0 double"), done.stdout


@pytest.fixture(scope="session")
def killed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a short run left."""
    folder = tmp_path_factory.mktemp("faults") / "site"
    done = faults("--n", "1", "--keep", str(folder))
    assert done.returncode == 0, done.stdout
    return folder


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", BREAKS)
def test_the_checker_sees_each_way_to_break_a_promise(
    killed_once: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(killed_once, tmp_path / "site")
    held, found = break_and_check(Site.load(tmp_path / "site"), name)
    assert not held
    assert found[BREAKS[name].sort] > 0, found


@pytest.mark.timeout(60)
def test_an_older_database_put_back_is_said_and_nothing_is_accepted(
    killed_once: Path, tmp_path: Path
) -> None:
    shutil.copytree(killed_once, tmp_path / "site")
    site = Site.load(tmp_path / "site")
    (site.folder / "serve.log").unlink()
    shutil.rmtree(site.bus / "data")
    shutil.copytree(site.folder / "earlier" / "data", site.bus / "data")
    marks = (site.bus / "state" / "marks").read_bytes()
    made = next(one for one in read_journal(site.journal("load")) if one["event"] == "made")
    with Crowd(site) as crowd:
        bus = serve(crowd, site)
        status, why = fetch_when_up(f"{site.url}/readyz")
        assert status == 503
        assert "older copy" in why
        frame = base64.b64decode(made["frame"])
        status, problem = fetch_when_up(f"{site.url}/v1/messages", fresh(site, frame))
        assert (status, json.loads(problem)["code"]) == (503, "log-unavailable")
        assert crowd.stop(bus) == 0
    assert "older copy" in (site.folder / "serve.log").read_text(), "the start-up message says why"
    assert (site.bus / "state" / "marks").read_bytes() == marks


def fresh(site: Site, frame: bytes) -> bytes:
    """A new message of the consumer, like one that it sent before."""
    envelope, parts = parse_frame(frame)
    before = parse_manifest(decode_jws(envelope, MESSAGE).payload)
    now_ms = time.time_ns() // 1_000_000
    draft = replace(before, id=new_message_id(now_ms), created_ms=now_ms)
    keys = site.bus / "keys"
    signer, _ = load_signer(keys / "benefits.pem", keys / "benefits.crt")
    return compose(draft, [PartIn(parts.data[0])], signer).frame


def fetch_when_up(url: str, frame: bytes | None = None) -> tuple[int, str]:
    """Status and text of a reply, as soon as somebody listens."""
    request = urllib.request.Request(url, frame, {"Content-Type": FRAME_TYPE})
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            assert time.monotonic() < until, "nobody listens"
            time.sleep(0.05)


def test_in_flight_is_what_was_sent_and_had_no_reply_at_that_moment() -> None:
    lines = [
        {"event": "made", "at": 1.0, "id": "a"},
        {"event": "sent", "at": 1.1, "id": "a"},
        {"event": "receipt", "at": 1.2, "id": "a"},
        {"event": "made", "at": 1.3, "id": "b"},
        {"event": "sent", "at": 1.4, "id": "b"},
        {"event": "broken", "at": 2.0, "id": "b"},
        {"event": "made", "at": 2.1, "id": "c"},
    ]
    moments = [1.05, 1.15, 1.25, 1.5, 2.05, 3.0]
    assert [in_flight(iter(lines), at) for at in moments] == [
        (0, 1),
        (1, 1),
        (0, 0),
        (1, 1),
        (0, 1),
        (0, 2),
    ]

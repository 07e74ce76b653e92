"""`sealway witness`: a folder made, a log polled, `add-checkpoint` served over a real socket."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sealway.cli.main import main
from sealway.cli.session import Outside
from sealway.witness import serving
from sealway.witness.core import Witness
from sealway.witness.errors import WitnessUnusable
from sealway.witness.request import REQUEST_BYTES_MAX, encode_request
from sealway.witness.serving import WitnessServer
from sealway.witness.settings import load_cosigner, load_settings, make_witness
from sealway.witness.state import log_file_name
from signing.log.cosignature import parse_cosignature_key, verify_cosignature
from tests.support.tiled_log import ORIGIN, TiledLog

NAME = "witness.example/w1"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(log: TiledLog, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(words, Outside(transport=log))
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def folder(tmp_path: Path, log: TiledLog) -> Path:
    made = tmp_path / "witness"
    make_witness(made, NAME)
    with (made / "witness.toml").open("a") as file:
        file.write(f'\n[[log]]\nkey = "{log.signer.verifier}"\nurl = "http://bus.test/log/0"\n')
    return made


def test_a_new_witness_is_polled_shown_and_polled_again(
    run: Run, tmp_path: Path, log: TiledLog
) -> None:
    folder = tmp_path / "new"
    code, out, _ = run("witness", "new", str(folder), "--name", NAME, "--json")
    assert code == 0
    key = parse_cosignature_key(json.loads(out)["key"])
    assert key.name == NAME
    assert (folder / "witness.key.pem").stat().st_mode & 0o777 == 0o600
    assert run("witness", "new", str(folder), "--name", NAME)[0] == 3  # nothing is written over
    assert run("witness", "poll", str(folder), "--once")[0] == 3  # no log to poll yet
    with (folder / "witness.toml").open("a") as file:
        file.write(f'\n[[log]]\nkey = "{log.signer.verifier}"\nurl = "http://bus.test/log/0"\n')
    assert "nothing was cosigned" in run("witness", "show", str(folder))[1]
    code, out, _ = run("witness", "poll", str(folder), "--once")
    assert code == 0
    assert verify_cosignature(out, key) > 1_700_000_000
    log.grow(300)
    code, out, _ = run("witness", "poll", str(folder), "--once", "--json")
    told = json.loads(out)
    assert (code, told["outcome"], told["size"]) == (0, "cosigned", 303)
    shown = json.loads(run("witness", "show", str(folder), "--json")[1])
    assert shown == {
        "key": str(key),
        "logs": [{name: told[name] for name in ("origin", "size", "time", "note")}],
    }


def test_each_outcome_of_a_round_has_its_exit_code(run: Run, folder: Path, log: TiledLog) -> None:
    assert run("witness", "poll", str(folder), "--once")[0] == 0
    log.leaves.pop()
    code, out, err = run("witness", "poll", str(folder), "--once")
    assert (code, out) == (2, "")
    assert "behind" in err
    log.grow(1, "other")
    assert run("witness", "poll", str(folder), "--once")[0] == 1
    log.is_away = True
    assert run("witness", "poll", str(folder), "--once")[0] == 4


def _problem(status: int) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(b'{"detail": "Not \\u001b[31m you."}'))


@pytest.mark.parametrize(
    ("status", "code", "delivery", "said"),
    [
        (204, 0, "taken", ""),
        (404, 0, "not-collected", "collects no cosignatures"),
        (422, 2, "refused", "refused the cosignature (422). Not"),
        (409, 2, "refused", "(409)"),
        (429, 4, "unreachable", "didn't take it now (429)"),
        (503, 4, "unreachable", "(503)"),
    ],
)
def test_a_cosignature_is_brought_to_the_bus(
    run: Run, folder: Path, log: TiledLog, status: int, code: int, delivery: str, said: str
) -> None:
    log.answer = _problem(status)
    ended, out, err = run("witness", "poll", str(folder), "--once")
    assert (ended, log.brought) == (code, [out])
    assert said in err
    assert "\x1b" not in err
    log.answer = _problem(status)
    ended, out, _ = run("witness", "poll", str(folder), "--once", "--json")
    told = json.loads(out)
    assert (ended, told["outcome"], told["delivery"]) == (code, "cosigned", delivery)


def test_a_cosignature_is_kept_when_the_owner_says_so(
    run: Run, folder: Path, log: TiledLog
) -> None:
    assert run("witness", "poll", str(folder), "--once", "--keep")[0] == 0
    file = folder / "witness.toml"
    file.write_text(file.read_text().replace("deliver = true", "deliver = false"))
    assert run("witness", "poll", str(folder), "--once")[0] == 0
    assert log.brought == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nam = 1", "unknown: nam"),
        ("every_s = 1", "every_s"),
        ('listen = "nowhere"', "listen"),
        ("deliver = 1", "deliver"),
        ('log = [{key = "x"}]', "verifier key"),
        ('log = [{key = "%s", url = "ftp://x"}]', "log.url"),
        ('log = [{key = "%s"}, {key = "%s"}]', "two tables"),
        ("log = 3", "log"),
        ("=", ""),
    ],
)
def test_settings_that_are_wrong_are_refused(
    run: Run, tmp_path: Path, log: TiledLog, line: str, why: str
) -> None:
    folder = tmp_path / "witness"
    make_witness(folder, NAME)
    key = str(log.signer.verifier)
    (folder / "witness.toml").write_text(f'name = "{NAME}"\n{line.replace("%s", key)}\n')
    code, _, err = run("witness", "show", str(folder))
    assert code == 3
    assert why in err


def test_a_key_that_others_may_read_is_refused(run: Run, folder: Path) -> None:
    (folder / "witness.key.pem").chmod(0o640)
    code, _, err = run("witness", "show", str(folder))
    assert code == 3
    assert "chmod 600" in err


def test_a_state_that_is_gone_is_refused(run: Run, folder: Path) -> None:
    (folder / "state").rmdir()
    assert run("witness", "poll", str(folder), "--once")[0] == 3


def test_a_name_that_cannot_stand_in_a_note_is_refused(tmp_path: Path) -> None:
    for name in ("", "two words", "a+b", "x" * 201):
        with pytest.raises(WitnessUnusable):
            make_witness(tmp_path / "w", name)


@pytest.fixture
def server(witness: Witness) -> Iterator[WitnessServer]:
    with WitnessServer(("127.0.0.1", 0), witness) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_add_checkpoint_over_one_kept_connection(server: WitnessServer, log: TiledLog) -> None:
    connection = http.client.HTTPConnection(*server.server_address, timeout=5)
    for status, body, old in ((200, "\u2014 ", 0), (409, "3\n", 0), (200, "\u2014 ", 3)):
        connection.request("POST", "/add-checkpoint", encode_request(old, [], log.note()))
        reply = connection.getresponse()
        text = reply.read().decode()
        assert (reply.status, text[: len(body)]) == (status, body)
        if status == 409:
            assert reply.headers["content-type"] == "text/x.tlog.size"
    connection.request("GET", f"/{log_file_name(ORIGIN)}/checkpoint")
    reply = connection.getresponse()
    assert (reply.status, reply.read().decode().startswith(log.note())) == (200, True)
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/livez", {}, 200),
        ("GET", "/add-checkpoint", {}, 404),
        ("GET", f"/{log_file_name('other')}/checkpoint", {}, 404),
        ("GET", f"/{log_file_name(ORIGIN)}/checkpoint", {}, 404),  # nothing was cosigned yet
        ("GET", "/../../etc/passwd", {}, 404),
        ("POST", "/other", {"content-length": "3"}, 404),
        ("POST", "/add-checkpoint", {}, 411),
        ("POST", "/add-checkpoint", {"content-length": "-1"}, 411),
        (
            "POST",
            "/add-checkpoint",
            {"content-length": "3", "transfer-encoding": "chunked"},
            411,
        ),
        ("POST", "/add-checkpoint", {"content-length": str(REQUEST_BYTES_MAX + 1)}, 413),
        ("PUT", "/add-checkpoint", {}, 501),
    ],
)
def test_other_calls_are_refused(
    server: WitnessServer, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection(*server.server_address, timeout=5)
    connection.putrequest(method, path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    reply = connection.getresponse()
    reply.read()
    assert reply.status == status
    connection.close()


def test_a_connection_is_closed_when_its_time_is_over(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CONNECTION_S_MAX", 0.2)
    with WitnessServer(("127.0.0.1", 0), witness) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with socket.create_connection(made.server_address[:2], timeout=5) as slow:
            slow.sendall(
                b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 9\r\n\r\nold"
            )
            assert slow.recv(100) == b""
        made.shutdown()
        thread.join()


def test_an_unusable_state_is_a_server_error(
    server: WitnessServer, log: TiledLog, state_folder: Path
) -> None:
    (state_folder / f"{log_file_name(ORIGIN)}.note").write_text("damaged")
    connection = http.client.HTTPConnection(*server.server_address, timeout=5)
    connection.request("POST", "/add-checkpoint", encode_request(0, [], log.note()))
    assert connection.getresponse().status == 500
    connection.close()


def test_an_address_that_is_taken_is_said(server: WitnessServer, witness: Witness) -> None:
    with pytest.raises(WitnessUnusable, match="listened on"):
        WitnessServer(server.server_address[:2], witness)  # type: ignore[arg-type]


def test_what_was_made_is_loaded(folder: Path) -> None:
    settings = load_settings(folder)
    assert (settings.listen, settings.every_s, len(settings.logs)) == (("127.0.0.1", 8791), 30, 1)
    assert load_cosigner(settings).verifier.name == NAME


def test_serve_runs_until_it_is_told_to_stop(folder: Path, log: TiledLog) -> None:
    served = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sealway",
            "witness",
            "serve",
            str(folder),
            "--listen",
            "127.0.0.1:0",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stderr is not None
        assert served.stderr.readline().startswith(f"{NAME}+")
        port = int(served.stderr.readline().rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/add-checkpoint", encode_request(0, [], log.note()))
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        served.send_signal(signal.SIGTERM)
        assert served.wait(20) == 0
        served.stderr.close()  # type: ignore[union-attr]

"""The command line's profiles: whose key and which logs they are pinned to."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

from sealway.profile import load_profile
from tests.support.fake_bus import URL, FakeBus

Run = Callable[..., tuple[int, str, str]]


def test_a_profile_pins_the_key_it_is_given(
    run: Run, bus: FakeBus, home: Path, tmp_path: Path
) -> None:
    assert run("key", "new", "keys/benefits", "--system", "sx/GOV/1001/benefits")[0] == 0
    key_file = tmp_path / "keys" / "benefits.key.pem"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert run("key", "new", "keys/benefits", "--system", "sx/GOV/1001/benefits")[0] == 3
    words = (
        "profile", "add", URL, "--name", "benefits", "--system", "sx/GOV/1001/benefits",
        "--key", "keys/benefits.key.pem", "--certificate", "keys/benefits.cert.pem",
    )  # fmt: skip
    code, _, err = run(*words)
    assert (code, bus.log_0.verifier_key in err) == (2, True)
    assert run(*words, "--log-key", bus.shard.verifier_key)[0] == 3
    other_name = [word.replace("bus.test", "localhost") for word in words]
    code, _, err = run(*other_name, "--log-key", bus.log_0.verifier_key)
    assert (code, f"systems reach this bus as '{URL}'" in err) == (3, True)
    assert run(*words, "--log-key", bus.log_0.verifier_key)[0] == 0
    assert run(*words, "--log-key", bus.log_0.verifier_key)[0] == 3
    code, out, _ = run("profile", "use", "benefits")
    assert (code, "sx.example/log/0" in out) == (0, True)
    row = f"benefits\tyes\t{URL}\tsx/GOV/1001/benefits\tsx.example/log/0\n"
    assert run("profile", "list")[1] == row
    assert run("profile", "use", "nobody")[0] == 3


def test_a_profile_is_not_pinned_to_another_buss_key(run: Run, bus: FakeBus, home: Path) -> None:
    run("key", "new", "k", "--system", "sx/GOV/1001/benefits")
    words = (
        "--name", "benefits", "--system", "sx/GOV/1001/benefits",
        "--key", "k.key.pem", "--certificate", "k.cert.pem",
    )  # fmt: skip
    other = FakeBus().log_0.verifier_key
    code, _, err = run("profile", "add", URL, *words, "--log-key", other)
    assert (code, "shows another key of log 0" in err) == (1, True)
    code, _, err = run("profile", "add", "bus.test", *words, "--log-key", other)
    assert (code, "must begin with http:// or https://" in err) == (3, True)
    code, _, err = run("profile", "add", f"{URL}/v1", *words, "--log-key", other)
    assert (code, "is not a bus's address" in err) == (3, True)
    assert not (home / "profiles" / "benefits.toml").exists()


def test_a_profile_pins_log_0_and_its_successor(run: Run, bus: FakeBus, home: Path) -> None:
    run("key", "new", "k", "--system", "sx/GOV/1001/benefits")
    words = (
        "profile", "add", URL, "--name", "benefits", "--system", "sx/GOV/1001/benefits",
        "--key", "k.key.pem", "--certificate", "k.cert.pem",
    )  # fmt: skip
    older = bus.log_0.verifier_key
    bus.succeed()
    code, _, err = run(*words, "--log-key", older)
    assert (code, "works with sx.example/log/0.1 now" in err) == (1, True)
    both = ("--log-key", older, "--log-key", bus.log_0.verifier_key)
    assert run(*words, *both)[0] == 0
    assert load_profile("benefits").log_keys == (older, bus.log_0.verifier_key)
    listed = json.loads(run("profile", "list", "--json")[1])["profiles"]
    assert [one["pins"] for one in listed] == [["sx.example/log/0", "sx.example/log/0.1"]]
    assert listed[0]["log_keys"] == [older, bus.log_0.verifier_key]
    assert "sx.example/log/0.1" in run("profile", "use", "benefits")[1]
    other = FakeBus().log_0.verifier_key
    assert run(*words, "--force", *both, "--log-key", other)[0] == 3

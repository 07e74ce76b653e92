"""Time-stamps: one that holds, one for each way not to, and openssl's own opinion."""

import shutil
import subprocess
from pathlib import Path

import pytest

from signing.errors import ProofInvalid
from signing.timestamps import TimestampForged, load_roots, timestamp_request, verify_timestamp
from tests.support.time_stamps import Authority

DATA = b"sx.example/log/0\n5\nAAAA\n"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_a_timestamp_holds_for_its_data_and_its_request(authority: Authority) -> None:
    asked = timestamp_request(DATA)
    answer = authority.answer(asked.body)
    roots = load_roots(authority.root_pem)
    stamp = verify_timestamp(answer, DATA, roots, asked.nonce)
    assert (stamp.accuracy_ms, stamp.at_ms % 1000) == (500, 0)
    assert verify_timestamp(answer, DATA, roots) == stamp
    for data, nonce in ((DATA + b"x", asked.nonce), (DATA, asked.nonce + 1)):
        with pytest.raises(ProofInvalid):
            verify_timestamp(answer, data, roots, nonce)


def test_each_request_has_a_nonce_of_its_own() -> None:
    assert timestamp_request(DATA).nonce != timestamp_request(DATA).nonce


def test_another_root_proves_nothing(authority: Authority) -> None:
    answer = authority.answer(timestamp_request(DATA).body)
    for roots in ((), load_roots(Authority().root_pem)):
        with pytest.raises(ProofInvalid):
            verify_timestamp(answer, DATA, roots)


def test_a_forged_stamp_is_told_from_one_by_somebody_unknown(authority: Authority) -> None:
    answer = authority.answer(timestamp_request(DATA).body)
    roots = load_roots(authority.root_pem)
    broken = answer[:-1] + bytes([answer[-1] ^ 1])
    for token, data in ((broken, DATA), (answer, DATA + b"x")):
        with pytest.raises(TimestampForged):
            verify_timestamp(token, data, roots)
    for token in (answer, broken):
        with pytest.raises(ProofInvalid) as unknown:
            verify_timestamp(token, DATA, load_roots(Authority().root_pem))
        assert not isinstance(unknown.value, TimestampForged)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"accuracy_ms": None}, "how accurate"),
        ({"accuracy_ms": 1_001}, "accurate to a second"),
        ({"accuracy_ms": 61_000}, "accurate to a second"),
        ({"status": "rejection"}, "refused"),
        ({"nonce": 7}, "another request"),
        ({"late_ms": 40 * 86_400_000}, "pinned root"),
    ],
)
def test_what_an_authority_can_do_wrong(fault: dict[str, object], said: str) -> None:
    authority = Authority(**fault)  # type: ignore[arg-type]
    asked = timestamp_request(DATA)
    with pytest.raises(ProofInvalid, match=said):
        verify_timestamp(
            authority.answer(asked.body), DATA, load_roots(authority.root_pem), asked.nonce
        )


def test_exactly_a_second_is_accurate_enough() -> None:
    authority = Authority(accuracy_ms=1_000)
    answer = authority.answer(timestamp_request(DATA).body)
    assert verify_timestamp(answer, DATA, [authority.root]).accuracy_ms == 1_000


def test_no_byte_of_an_answer_can_be_changed_unseen(authority: Authority) -> None:
    answer = authority.answer(timestamp_request(DATA).body)
    stamp = verify_timestamp(answer, DATA, [authority.root])
    for place in range(0, len(answer), 7):
        changed = answer[:place] + bytes([answer[place] ^ 1]) + answer[place + 1 :]
        try:
            assert verify_timestamp(changed, DATA, [authority.root]) == stamp
        except ProofInvalid:
            continue


@pytest.mark.parametrize("data", [b"", b"0", b"\x30\x03\x02\x01\x00", b"\x30" * 20_000])
def test_what_is_no_answer_is_refused(data: bytes, authority: Authority) -> None:
    with pytest.raises(ProofInvalid):
        verify_timestamp(data, DATA, [authority.root])


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nAA==\n"])
def test_roots_that_cannot_be_read_are_refused(pem: bytes) -> None:
    with pytest.raises(ProofInvalid):
        load_roots(pem)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_openssl_says_the_same(authority: Authority, tmp_path: Path) -> None:
    answer = authority.answer(timestamp_request(DATA).body)
    for name, data in (("reply", answer), ("data", DATA), ("root", authority.root_pem)):
        (tmp_path / name).write_bytes(data)
    command = ["openssl", "ts", "-verify", "-in", "reply", "-data", "data", "-CAfile", "root"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr
    (tmp_path / "data").write_bytes(DATA + b"x")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0

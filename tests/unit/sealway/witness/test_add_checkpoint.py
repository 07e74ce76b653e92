"""`add-checkpoint`: each status code of C2SP tlog-witness, and that nothing else is cosigned."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealway.witness.core import Answer, Witness
from sealway.witness.errors import RequestMalformed, WitnessUnusable
from sealway.witness.request import (
    REQUEST_BYTES_MAX,
    AddCheckpoint,
    encode_request,
    parse_request,
)
from sealway.witness.state import log_file_name
from signing.log.checkpoint import Checkpoint, sign_checkpoint
from signing.log.cosignature import Cosigner, verify_cosignature
from signing.log.merkle import EMPTY_ROOT, consistency_proof, merkle_root
from signing.log.note import NOTE_BYTES_MAX
from tests.support.tiled_log import ORIGIN, TiledLog
from tests.unit.sealway.witness.conftest import NOW_S, Open

# C2SP tlog-witness, its example of a request.
SOFA = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1g\
GzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267U\
Ejw6QUXTS5Rovnzv++qbSzm9Q=
"""


def proof(log: TiledLog, old: int) -> list[bytes]:
    """From the first ``old`` leaves to all, from the leaves alone."""
    hashes = log.hashes

    def node(level: int, index: int) -> bytes:
        return merkle_root(hashes[index << level : (index + 1) << level])

    return consistency_proof(old, len(hashes), node) if old else []


def add(witness: Witness, log: TiledLog, old: int, note: str | None = None) -> Answer:
    """Submit the log as it stands, with its true proof."""
    return witness.add_checkpoint(encode_request(old, proof(log, old), note or log.note()))


def check_cosigned(answer: Answer, log: TiledLog, cosigner: Cosigner) -> None:
    assert answer.status == 200, answer.body
    assert answer.body.startswith("\u2014 ")
    assert verify_cosignature(log.note() + answer.body, cosigner.verifier) == NOW_S


def test_a_growing_log_is_cosigned_each_time(
    witness: Witness, log: TiledLog, cosigner: Cosigner
) -> None:
    check_cosigned(add(witness, log, 0), log, cosigner)
    for grown in (1, 252, 1, 300):
        old = len(log.leaves)
        log.grow(grown)
        check_cosigned(add(witness, log, old), log, cosigner)
    latest = witness.latest(ORIGIN)
    assert latest is not None
    assert latest.checkpoint == log.checkpoint()


def test_the_same_checkpoint_is_cosigned_again(
    witness: Witness, log: TiledLog, cosigner: Cosigner
) -> None:
    add(witness, log, 0)
    check_cosigned(add(witness, log, 3), log, cosigner)


def test_a_repeat_within_a_second_writes_nothing(
    witness: Witness, log: TiledLog, state_folder: Path
) -> None:
    first = add(witness, log, 0)
    file = state_folder / f"{log_file_name(ORIGIN)}.note"
    written = file.stat().st_ino
    assert add(witness, log, 3) == first
    assert file.stat().st_ino == written
    extended = log.signer.sign(log.checkpoint().text + "an extension\n")
    other = add(witness, log, 3, extended)  # another text, so another cosignature
    assert (other.status, other.body == first.body) == (200, False)


def test_an_empty_log_is_cosigned(witness: Witness, cosigner: Cosigner, log: TiledLog) -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), log.signer)
    assert add(witness, log, 0, note).status == 200
    lie = sign_checkpoint(Checkpoint(ORIGIN, 0, b"r" * 32), log.signer)
    assert add(witness, log, 0, lie).status == 409


def test_another_old_size_conflicts_and_is_told_the_right_one(
    witness: Witness, log: TiledLog
) -> None:
    add(witness, log, 0)
    log.grow(2)
    conflict = Answer(409, "3\n", "text/x.tlog.size")
    assert add(witness, log, 0) == conflict
    assert add(witness, log, 2) == conflict
    assert add(witness, log, 3).status == 200


def test_a_rolled_back_log_is_refused(witness: Witness, log: TiledLog) -> None:
    log.grow(5)
    add(witness, log, 0)
    back = log.note(4)
    assert witness.add_checkpoint(encode_request(4, [], back)).status == 409
    assert witness.add_checkpoint(encode_request(8, [], back)).status == 400
    assert witness.add_checkpoint(encode_request(0, [], back)) == Answer(
        409, "8\n", "text/x.tlog.size"
    )


def test_a_fork_of_the_same_size_is_refused_and_kept_as_evidence(
    witness: Witness, log: TiledLog, state_folder: Path
) -> None:
    add(witness, log, 0)
    log.leaves[1] = b"another"
    assert add(witness, log, 3) == Answer(409, "3\n", "text/x.tlog.size")
    (kept,) = (state_folder / "evidence").iterdir()
    assert kept.read_text("utf-8") == log.note()


def test_a_fork_of_a_larger_size_is_refused(witness: Witness, log: TiledLog) -> None:
    add(witness, log, 0)
    log.leaves[1] = b"another"
    log.grow(4)
    assert add(witness, log, 3).status == 422
    latest = witness.latest(ORIGIN)
    assert latest is not None
    assert latest.checkpoint.size == 3


def test_a_proof_that_does_not_hold_is_refused(witness: Witness, log: TiledLog) -> None:
    note = log.note()
    assert witness.add_checkpoint(encode_request(0, [b"h" * 32], note)).status == 422
    add(witness, log, 0)
    assert witness.add_checkpoint(encode_request(3, [b"h" * 32], note)).status == 422
    log.grow(4)
    true = proof(log, 3)
    for wrong in ([], true[:-1], [*true, true[0]], true[::-1]):
        assert witness.add_checkpoint(encode_request(3, wrong, log.note())).status == 422


def test_an_unknown_log_and_a_foreign_signature_are_refused(
    witness: Witness, log: TiledLog
) -> None:
    stranger = TiledLog("other.example/log/0", 3)
    assert add(witness, stranger, 0).status == 404
    impostor = TiledLog(ORIGIN, 3)
    assert add(witness, impostor, 0).status == 403
    both = impostor.note() + log.note().rpartition("\n\n")[2]
    assert add(witness, log, 0, both).status == 200  # others' signatures are ignored
    latest = witness.latest(ORIGIN)
    assert latest is not None
    assert impostor.note().rpartition("\n\n")[2] not in latest.note


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        b"old 0\n\nno note\n",
        b"old 00\n\n%s",
        b"old -1\n\n%s",
        b"Old 0\n\n%s",
        b"old 0\nshort\n\n%s",
        b"old 0\nAAAA\n\n%s",
        b"old 0\r\n\r\n%s",
        b"old 4\n\n%s",
        b"old 0\n" + b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n" * 64 + b"\n%s",
        b"\xff\n\n%s",
        b"old 0\n\n%s\xe2\x80\x94 broken line\n",
        b"old 0\n\n%s" + b"x" * REQUEST_BYTES_MAX,
    ],
)
def test_a_malformed_request_is_a_bad_request(witness: Witness, log: TiledLog, body: bytes) -> None:
    assert witness.add_checkpoint(body.replace(b"%s", log.note().encode())).status == 400
    assert witness.latest(ORIGIN) is None


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    for text in (body, b"old 0\n\n" + body):
        with contextlib.suppress(RequestMalformed):
            assert isinstance(parse_request(text), AddCheckpoint)


def test_the_published_request_is_read_and_written_the_same() -> None:
    asked = parse_request(SOFA.encode())
    assert (asked.old_size, len(asked.proof)) == (20_852_014, 4)
    assert encode_request(asked.old_size, asked.proof, asked.note) == SOFA.encode()


def test_a_checkpoint_that_leaves_no_room_for_a_signature_is_refused(
    witness: Witness, log: TiledLog
) -> None:
    text = log.checkpoint().text
    signature = len(log.note()) - len(text)
    long = log.signer.sign(text + "x" * (NOTE_BYTES_MAX - len(text) - signature - 1) + "\n")
    assert len(long) == NOTE_BYTES_MAX
    assert add(witness, log, 0, long).status == 422
    assert add(witness, log, 0).status == 200


def test_a_restart_keeps_what_was_cosigned(
    open_witness: Open, log: TiledLog, cosigner: Cosigner
) -> None:
    add(open_witness(), log, 0)
    log.grow(2)
    again = open_witness()
    assert add(again, log, 0).body == "3\n"
    check_cosigned(add(again, log, 3), log, cosigner)


@pytest.mark.parametrize("how", ["cut", "emptied", "another log's", "not cosigned"])
def test_a_damaged_state_cosigns_nothing(
    open_witness: Open, log: TiledLog, state_folder: Path, how: str
) -> None:
    add(open_witness(), log, 0)
    file = state_folder / f"{log_file_name(ORIGIN)}.note"
    text = file.read_text("utf-8")
    damaged = {
        "cut": text[:-20],
        "emptied": "",
        "another log's": TiledLog(ORIGIN, 3).note(),
        "not cosigned": log.note(),
    }[how]
    file.write_text(damaged, "utf-8")
    with pytest.raises(WitnessUnusable):
        add(open_witness(), log, 3)


def test_two_that_submit_at_once_never_cosign_two_histories(
    open_witness: Open, log: TiledLog
) -> None:
    witnesses = [open_witness(), open_witness()]
    add(witnesses[0], log, 0)
    forks = []
    for word in "ab" * 8:
        fork = TiledLog(leaves=3)
        fork.signer = log.signer
        fork.grow(4, word)
        forks.append(fork)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda at=at, fork=fork: answers.append(add(at, fork, 3).status))
        for fork, at in zip(forks, witnesses * 8, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(200) == 1
    assert set(answers) == {200, 409}


KILLED = """
import os, signal, sys
from pathlib import Path
from sealway.witness.state import WitnessState
kept = WitnessState.keep
def keep(self, origin, note):
    if sys.argv[2] == "before": os.kill(os.getpid(), signal.SIGKILL)
    kept(self, origin, note)
    os.kill(os.getpid(), signal.SIGKILL)
WitnessState.keep = keep
from sealway.witness.core import Witness
from sealway.witness.settings import load_cosigner, load_settings
settings = load_settings(Path(sys.argv[1]))
cosigner = load_cosigner(settings)
state = WitnessState(settings.state, cosigner.verifier)
witness = Witness(cosigner, {log.key.name: log.key for log in settings.logs}, state, lambda: 1)
print(witness.add_checkpoint(sys.stdin.buffer.read()))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_the_fsync_it_never_cosigns_another_history(
    tmp_path: Path, log: TiledLog, when: str
) -> None:
    from sealway.witness.settings import load_cosigner, load_settings, make_witness
    from sealway.witness.state import WitnessState

    folder = tmp_path / "witness"
    make_witness(folder, "witness.example/w1")
    with (folder / "witness.toml").open("a") as file:
        file.write(f'\n[[log]]\nkey = "{log.signer.verifier}"\n')
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), when],
        input=encode_request(0, [], log.note()),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")
    settings = load_settings(folder)
    cosigner = load_cosigner(settings)
    state = WitnessState(settings.state, cosigner.verifier)
    witness = Witness(cosigner, {ORIGIN: log.signer.verifier}, state, lambda: NOW_S)
    other = TiledLog(leaves=0)
    other.signer = log.signer
    other.grow(3, "other")
    if when == "after":  # it is kept, though nobody got the cosignature
        assert add(witness, other, 0).body == "3\n"
        assert add(witness, other, 3).status == 409
        assert add(witness, log, 3).status == 200
    else:
        assert witness.latest(ORIGIN) is None
        assert add(witness, log, 0).status == 200
    state.close()

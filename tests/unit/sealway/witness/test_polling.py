"""A witness that only talks outward: it finds consistency in tiles, and forks and rollbacks too."""

import pytest

from sealway.witness.core import Witness
from sealway.witness.fetching import TRIES, PublishedLog
from sealway.witness.polling import Outcome, Round, poll_once
from signing.log.cosignature import Cosigner, verify_cosignature
from tests.support.tiled_log import ORIGIN, TiledLog
from tests.unit.sealway.witness.conftest import NOW_S, Open

URL = "http://bus.test/log/0"


def poll(witness: Witness, log: TiledLog) -> Round:
    published = PublishedLog(URL, log, sleep=lambda _: None)
    try:
        return poll_once(witness, witness.logs[ORIGIN], published)
    finally:
        published.close()


def check_cosigned(found: Round, log: TiledLog, cosigner: Cosigner) -> None:
    assert (found.outcome, found.text) == (Outcome.COSIGNED, "")
    assert found.cosigned is not None
    assert found.cosigned.checkpoint == log.checkpoint()
    assert verify_cosignature(found.cosigned.note, cosigner.verifier) == NOW_S


@pytest.mark.parametrize(
    ("old", "new"),
    [(1, 3), (3, 3), (255, 256), (256, 257), (255, 600), (1, 70_000), (65_535, 65_537)],
)
def test_a_log_that_grew_is_cosigned_from_a_few_tiles(
    open_witness: Open, log: TiledLog, cosigner: Cosigner, old: int, new: int
) -> None:
    log.leaves.clear()
    log.grow(old)
    check_cosigned(poll(open_witness(), log), log, cosigner)
    log.grow(new - old)
    log.asked.clear()
    check_cosigned(poll(open_witness(), log), log, cosigner)
    assert len(log.asked) <= 7
    assert not any("entries" in path for path in log.asked)


def test_a_log_that_shows_less_than_was_cosigned_is_not_cosigned(
    witness: Witness, log: TiledLog
) -> None:
    poll(witness, log)
    log.leaves.pop()
    found = poll(witness, log)
    assert found.outcome is Outcome.BEHIND
    assert found.cosigned is not None
    assert found.cosigned.checkpoint.size == 3


@pytest.mark.parametrize("grown", [0, 5, 300])
def test_a_log_that_forked_is_false_and_its_checkpoint_is_kept(
    witness: Witness, log: TiledLog, grown: int
) -> None:
    poll(witness, log)
    log.leaves[1] = b"another"
    log.grow(grown)
    found = poll(witness, log)
    assert found.outcome is Outcome.FALSE
    assert found.cosigned is not None
    assert found.cosigned.checkpoint != log.checkpoint()
    (kept,) = (witness.state._folder / "evidence").iterdir()
    assert kept.read_text("utf-8") == log.note()


def test_a_checkpoint_by_another_key_is_false(witness: Witness) -> None:
    assert poll(witness, TiledLog(leaves=3)).outcome is Outcome.FALSE
    assert witness.latest(ORIGIN) is None


def test_a_log_that_is_away_changes_nothing(witness: Witness, log: TiledLog) -> None:
    poll(witness, log)
    log.is_away = True
    found = poll(witness, log)
    assert found.outcome is Outcome.UNREACHABLE
    assert found.cosigned is not None


def test_a_tile_that_is_not_there_is_asked_for_again_also_as_a_full_one(
    witness: Witness, log: TiledLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll(witness, log)
    log.grow(2)
    monkeypatch.setattr("tests.support.tiled_log.tiles_of_hashes", lambda hashes: {})
    log.asked.clear()
    assert poll(witness, log).outcome is Outcome.UNREACHABLE
    tiles = ["tile/0/000.p/5", "tile/0/000"] * TRIES
    assert log.asked == ["cosignatures", "checkpoint", *tiles]


def test_an_answer_beyond_its_limit_is_not_read(
    witness: Witness, log: TiledLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "note", lambda: "x" * 1_000_000)
    found = poll(witness, log)
    assert found.outcome is Outcome.UNREACHABLE
    assert "longer" in found.text


def test_what_others_are_shown_is_cosigned_until_it_is_older(
    witness: Witness, log: TiledLog
) -> None:
    log.shown = 2
    sizes = []
    for shown in (2, 2, None, 2, 3):
        log.shown = shown
        found = poll(witness, log)
        assert found.outcome is Outcome.COSIGNED
        assert found.cosigned is not None
        sizes.append(found.cosigned.checkpoint.size)
        log.grow(1)
    assert sizes == [2, 2, 5, 6, 7], "never back"


def test_what_is_shown_under_another_key_is_false(witness: Witness, log: TiledLog) -> None:
    poll(witness, log)
    log.shown = 3
    log.signer = TiledLog().signer
    assert poll(witness, log).outcome is Outcome.FALSE

"""What `make pairs` shows, on 500 pairs, and that it would see something unsafe."""

from random import Random

import pytest

from schemas.compatibility.levels import Policy
from schemas.compatibility.verdicts import Answer, Judged, Refused
from tests.pairs import run as pairs


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_of_500_pairs_none_is_unsafe_and_a_tenth_at_most_unknown() -> None:
    counts, unsafe = pairs.run(500, seed=7, processes=1)
    assert unsafe == []
    assert counts["yes"] + counts["no"] + counts["unknown"] == 500
    assert min(counts["yes"], counts["no"]) > 100
    assert counts["unknown"] <= 500 * pairs.UNKNOWN_SHARE_MAX
    assert pairs.last_line(500, counts, 0).endswith("; 0 unsafe")


class Liar:
    """Answers everything alike."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged

    def judge(self, writer: object, reader: object, policy: Policy) -> Judged:
        return self._judged


@pytest.mark.parametrize(
    "judged",
    [Judged(Answer.YES, "yes"), Judged(Answer.NO, "no", Refused({"never": 1}, "", ""))],
    ids=["always yes", "always no"],
)
def test_a_judge_that_lies_is_seen(judged: Judged) -> None:
    unsafe = [one for n in range(40) for one in pairs.judged_pair(7, n, Liar(judged))[1]]
    assert len(unsafe) >= 8


def test_a_pair_depends_on_its_seed_alone() -> None:
    assert pairs.pair(Random("7-3")) == pairs.pair(Random("7-3"))
    assert pairs.pair(Random("7-3")) != pairs.pair(Random("8-3"))


def test_the_exit_code_is_1_when_too_much_is_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for unknown, unsafe, expected in ((10, [], 0), (11, [], 1), (0, ["one"], 1)):
        counts = pairs.Counter({"yes": 100 - unknown, "unknown": unknown})
        monkeypatch.setattr(pairs, "run", lambda *_, c=counts, u=unsafe: (c, u))
        monkeypatch.setattr("sys.argv", ["run", "--n", "100"])
        assert pairs.main() == expected
        assert f"unknown {unknown}" in capsys.readouterr().out.splitlines()[-1]

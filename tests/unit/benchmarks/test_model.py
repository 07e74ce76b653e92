"""The model's arithmetic, against sums worked out by hand; and the page that shows it."""

from dataclasses import replace

import pytest

from benchmarks.model import (
    DAY_S,
    GIB,
    MEASURED,
    Assumptions,
    Costs,
    costs_of,
    plan,
    story,
    table,
)
from tests.house.source import ROOT

COSTS = Costs(400, 400, 100, 50, audited_per_s=10_000, entry_bytes=5_000)
GIVEN = Assumptions(
    peak=2.0, cores=10, used_most=0.5, lost=1, copies=3, days=10, database_entries_per_s=20_000
)


def test_a_day_becomes_a_peak_and_a_peak_becomes_cores() -> None:
    made = plan(1_000 * DAY_S / 2, 3, COSTS, GIVEN)
    assert made.peak_per_s == pytest.approx(1_000)
    cores = made.needs[0]
    # 1,000 a second at 400 + 400 + 100 + 3 × 50 µs, on the two machines that are left.
    assert cores.needed == pytest.approx(1.05)
    assert cores.there == pytest.approx(2 * 10 * 0.5)
    assert cores.load == pytest.approx(0.105)


def test_disks_hold_two_entries_an_exchange_for_as_long_as_they_are_kept() -> None:
    made = plan(1_000_000, 3, COSTS, GIVEN)
    assert made.kept_gib == pytest.approx(2e6 * 5_000 * 10 * 3 / GIB)
    assert made.kafka_gib == pytest.approx(2e6 * 5_000 * 3 / GIB)
    assert made.for_ever_gib_year == pytest.approx(2e6 * 365 * GIVEN.leaf_bytes * 3 / GIB)
    assert made.audit_core_hours_day == pytest.approx(2e6 / 10_000 / 3_600)


def test_one_database_is_enough_until_its_commits_are_used_up() -> None:
    most = 20_000 * 0.5 / 2 * DAY_S / 2.0
    assert plan(most * 0.999, 3, COSTS, GIVEN).cells == 1
    two = plan(most * 1.001, 3, COSTS, GIVEN)
    assert two.cells == 2
    assert two.needs[1].needed == pytest.approx(20_000 * 0.5 / 2, rel=0.01)


def test_what_is_used_most_breaks_first_and_too_much_of_it_does_not_hold() -> None:
    alone = replace(GIVEN, lost=0)
    assert plan(1_000 * DAY_S / 2, 1, COSTS, alone).holds
    much = plan(20_000 * DAY_S / 2, 1, COSTS, alone)
    assert (much.first.name, much.holds) == ("cores", False)
    assert plan(1, 1, COSTS, GIVEN).holds is False, "nothing is left when the one machine is down"


def test_each_process_has_a_log_and_a_partition() -> None:
    made = plan(5_000 * DAY_S / 2, 20, COSTS, GIVEN)
    # Half a core does 625 exchanges a second, so there are 8 processes; one log is spare.
    assert made.shards == 8 + 1
    assert made.partitions == 8
    assert made.commits_per_s == pytest.approx(2 * 5_000 / 100)


def test_costs_are_medians_of_the_cluster_runs_of_a_benchmark() -> None:
    def leg(target: str, gateways_s: float, round_: int = 1) -> dict[str, object]:
        cpu_s = {"gateways": gateways_s, "deliverers": 2.0, "postgres": 0.5, "kafka": 1.0}
        return {"target": target, "round": round_, "count": 1_000, "cpu_s": cpu_s}

    legs = [leg("cluster", 1.0), leg("cluster", 3.0), leg("cluster", 1.5), leg("bus", 9.0)]
    found = {"legs": legs, "goals": {"P7": {"value": 9_000}}, "entry_bytes": 4_000}
    assert costs_of(found) == Costs(1_500, 2_000, 500, 1_000, 9_000, 4_000)
    with pytest.raises(KeyError, match="cluster"):
        costs_of({**found, "legs": [leg("bus", 9.0)]})


def test_the_page_holds_what_the_model_says() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    assert "\n".join(table(story(MEASURED))) in page

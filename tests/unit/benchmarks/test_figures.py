"""The arithmetic of the benchmark: histograms, rounds, goals; nothing is started here."""

from pathlib import Path

import pytest

from benchmarks import bodies, validation
from benchmarks.goals import GOALS, Figure, cut, last_line, table
from benchmarks.histogram import Histogram, bucket_of, highest_us
from benchmarks.lanes import due_by, is_whole
from benchmarks.legs import ITSELF, Leg, added_p50_ms, client_bound, ratios, row
from benchmarks.measured import OPEN, of_cluster, of_embedded
from benchmarks.outside import audited_entries, fsck_lines
from benchmarks.profiling import LOOP, stage_of
from benchmarks.scale import cost_ratio
from schemas.catalogue import Validators, admit

MS = 1_000


def _leg(
    target: str,
    round_: int = 1,
    count: int = 100,
    *,
    at: int = 32,
    client_s: float = 0.1,
    p50_ms: float = 5,
    cpu_s: float = 0.05,
) -> Leg:
    latencies = Histogram({bucket_of(round(p50_ms * MS)): count}).to_json()
    cpu = {ITSELF: cpu_s}
    return Leg(target, at, round_, count, 0, 1, 1.0, client_s, cpu, latencies)


def test_every_latency_has_a_bucket_that_is_at_most_one_part_in_128_above_it() -> None:
    previous = -1
    for us in [*range(70_000), 10**6, 10**9, 2**40 - 1, 2**40]:
        bucket = bucket_of(us)
        assert us <= highest_us(bucket) <= us * (1 + 1 / 128)
        assert bucket >= previous
        previous = bucket


def test_quantiles_of_histograms_that_were_added_are_those_of_all_latencies() -> None:
    one = Histogram.of([0.001] * 98)
    both = one + Histogram.from_json(Histogram.of([0.5, 0.9]).to_json())
    assert both.count == 100
    assert both.quantile_ms(0.5) == pytest.approx(1, rel=0.01)
    assert both.quantile_ms(0.98) == pytest.approx(1, rel=0.01)
    assert both.quantile_ms(0.99) == pytest.approx(500, rel=0.01)
    assert both.quantile_ms(1) == pytest.approx(900, rel=0.01)
    assert Histogram().quantile_ms(0.99) == 0


def test_a_ratio_is_taken_within_each_round() -> None:
    rounds = [("bus", 400, 500, 450), ("proxy", 1_000, 1_000, 3_000)]
    legs = [_leg(name, at, count) for name, *counts in rounds for at, count in enumerate(counts)]
    assert ratios(legs, "bus", "proxy", 32) == [0.4, 0.5, 0.15]


def test_what_is_added_is_taken_within_each_round_too() -> None:
    legs = [
        _leg(name, at, p50_ms=p50, at=1)
        for name, *p50s in (("bus", 5, 9), ("direct", 1, 2))
        for at, p50 in enumerate(p50s)
    ]
    assert added_p50_ms(legs, "bus", "direct") == pytest.approx([4, 7], rel=0.02)


def test_a_run_whose_load_took_most_of_a_core_is_marked() -> None:
    assert row([_leg("bus", client_s=0.61)], "bus", 32).is_client_bound
    assert not row([_leg("bus", client_s=0.59)], "bus", 32).is_client_bound


def test_a_figure_that_the_load_may_have_limited_is_not_used() -> None:
    legs = [_leg(name, client_s=0.7 * (name == "proxy")) for name in ("bus", "proxy", "accepting")]
    legs += [_leg(name, at=1) for name in ("bus", "direct")]
    assert client_bound(legs, ("bus", "proxy"), 32) == ["proxy"]
    (p1,) = (figure for figure in of_embedded(legs, 32, [100.0]) if figure.goal == "P1")
    assert (p1.value, p1.note) == (None, "client-bound: proxy")


def test_the_fsyncs_of_a_round_are_taken_off_what_that_round_added() -> None:
    legs = [_leg(name) for name in ("bus", "proxy", "accepting")]
    legs += [_leg("bus", p50_ms=3.0, at=1), _leg("direct", p50_ms=1.0, at=1)]
    (p2,) = (figure for figure in of_embedded(legs, 32, [300.0]) if figure.goal == "P2")
    assert p2.value == pytest.approx(3.0 - 1.0 - 4 * 0.3, abs=0.05)


def test_the_cost_in_a_large_bus_is_the_median_of_the_rounds_without_the_warm_up() -> None:
    costs_s = [(0.1, 0.9), (0.1, 0.1), (0.1, 0.13), (0.2, 0.22)]
    pairs = [
        (_leg("bus", number, cpu_s=small), _leg("bus", number, cpu_s=large))
        for number, (small, large) in enumerate(costs_s)
    ]
    assert cost_ratio(pairs) == pytest.approx(1.1)


def test_what_clients_and_engines_leave_out_is_said() -> None:
    (p3,) = of_cluster([_leg("cluster", at=64)], 64)
    assert (p3.value, p3.note) == (None, "RabbitMQ was not here")
    legs = [_leg("cluster", at=64, count=50), _leg("rabbitmq", at=64), _leg(OPEN, at=64)]
    p3, p4 = of_cluster(legs, 64)
    assert (p3.value, p4.goal) == (0.5, "P4")
    assert p4.value == pytest.approx(5, rel=0.01)


def test_accepting_per_core_is_what_its_cpu_allows() -> None:
    legs = [_leg(name) for name in ("bus", "proxy")] + [_leg("accepting", count=200, cpu_s=0.1)]
    legs += [_leg(name, at=1) for name in ("bus", "direct")]
    (p5,) = (figure for figure in of_embedded(legs, 32, [0.0]) if figure.goal == "P5")
    assert p5.value == pytest.approx(2_000)


def test_a_goal_is_reached_from_one_on_whichever_way_it_goes() -> None:
    assert GOALS["P1"].reached(0.40) == 1
    assert GOALS["P1"].reached(0.20) == 0.5
    assert GOALS["P2"].reached(2.0) == 0.5
    assert GOALS["P2"].reached(0.0) == GOALS["P5"].reached(10**9)


def test_a_ratio_below_a_limit_is_not_shown_as_the_limit() -> None:
    shown = [cut(0.2499), cut(0.25), cut(0.29), cut(0.999)]
    assert shown == ["0.24", "0.25", "0.29", "0.99"]


def test_the_last_line_has_a_ratio_for_each_goal_or_says_not_yet() -> None:
    figures = [Figure("P1", 0.30), Figure("P3", None, "no broker"), Figure("P10", 1.60)]
    said = last_line("bench-quick", figures)
    assert said == (
        "bench-quick: of its goal, P1 0.75, P2 not yet, P3 not yet, P5 not yet, P7 not yet,"
        " P10 1.00"
    )
    assert table(figures)[2].split("0.45")[1].split() == ["not", "yet", "–", "no", "broker"]


def test_in_an_open_loop_requests_are_due_by_the_clock() -> None:
    assert [due_by(elapsed_s, 10) for elapsed_s in (0, 0.09, 0.1, 1.0)] == [1, 1, 2, 11]


def test_an_audit_says_how_many_entries_it_went_through() -> None:
    assert audited_entries('{"verdict": "proven", "counts": {"leaves": 2321}}') == 2_321


def test_an_audit_has_its_line_with_entries_rate_and_memory() -> None:
    figures = [
        Figure("P1", 0.5),
        Figure("P7", 9_500.4, "", "", 2_321, 61.7),
        Figure("P7 tree", None),
    ]
    (line,) = fsck_lines(figures)
    assert line == (
        "fsck: 2,321 entries, 9,500 entries/s of a core, 62 MiB (signatures and contents)"
    )


def test_the_validation_of_a_body_is_timed_and_said() -> None:
    us = validation.validation_us(rounds=1)
    assert 1 < us < 10_000
    assert validation.line(22.61).endswith("(2,048 bytes): 22.6 µs, goal ≤ 25 µs")


@pytest.mark.parametrize(
    ("make", "schema"),
    [
        (bodies.request_body, bodies.REQUEST_SCHEMA),
        (bodies.answer_body, bodies.RESPONSE_SCHEMA),
    ],
)
def test_bodies_have_2_kb_and_satisfy_their_schema(make: object, schema: Path) -> None:
    assert callable(make)
    admitted = admit("json-schema", schema.read_text("utf-8"))
    validator = Validators(16).get(admitted.fingerprint, admitted.text)
    for number in range(20):
        body = make(number)
        assert len(body) == bodies.BODY_BYTES
        assert validator.check(body)


def test_a_response_is_whole_when_its_length_has_arrived() -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nx: y\r\n\r\nabc"
    assert is_whole(response)
    assert not any(is_whole(response[:size]) for size in range(len(response)))


def test_the_innermost_known_frame_names_the_stage() -> None:
    frames = ["Runner.run (asyncio)", "Acceptance.take (x)", "Validator.check (y)", "parse (z)"]
    assert stage_of(frames) == "payload: strict JSON, schema"
    assert stage_of(frames[:1]) == LOOP

"""A breaker: closed, open, half open, and back."""

from exchange.delivery.breakers import Breaker, Breakers, BreakerTerms

A, B = b"a", b"b"
TERMS = BreakerTerms(failures=3, open_ms=10_000, open_max_ms=30_000)


def opened(at_ms: int = 0) -> Breaker:
    breaker = Breaker(TERMS)
    assert [breaker.failed(A, at_ms) for _ in range(3)] == [False, False, True]
    return breaker


def test_opens_after_so_many_failures_in_a_row() -> None:
    breaker = opened()
    assert not breaker.admits(A, 9_999)
    assert breaker.left_ms(4_000) == 6_000


def test_an_answer_between_two_failures_begins_the_count_again() -> None:
    breaker = Breaker(TERMS)
    breaker.failed(A, 0)
    breaker.failed(A, 0)
    breaker.succeeded()
    assert not breaker.failed(A, 0)
    assert breaker.admits(A, 0)


def test_when_its_time_is_over_one_call_tries_and_the_others_wait() -> None:
    breaker = opened()
    assert breaker.admits(A, 10_000)
    assert not breaker.admits(B, 10_000)
    breaker.succeeded()
    assert breaker.admits(B, 10_000)


def test_a_trial_that_fails_opens_it_for_twice_as_long_up_to_the_most() -> None:
    breaker, now_ms, lasted = opened(), 0, []
    for _ in range(4):
        now_ms += breaker.left_ms(now_ms)
        assert breaker.admits(A, now_ms)
        assert breaker.failed(A, now_ms)
        lasted.append(breaker.left_ms(now_ms))
    assert lasted == [20_000, 30_000, 30_000, 30_000]


def test_closed_again_it_begins_with_the_first_time() -> None:
    breaker = opened()
    assert breaker.admits(A, 10_000)
    breaker.failed(A, 10_000)
    assert breaker.admits(A, 30_000)
    breaker.succeeded()
    assert [breaker.failed(A, 30_000) for _ in range(3)] == [False, False, True]
    assert breaker.left_ms(30_000) == 10_000


def test_a_trial_that_says_nothing_lets_another_try() -> None:
    breaker = opened()
    assert breaker.admits(A, 10_000)
    breaker.given_up(B)
    assert not breaker.admits(B, 10_000)
    breaker.given_up(A)
    assert breaker.admits(B, 10_000)


def test_a_call_that_began_before_says_nothing_new_by_failing() -> None:
    breaker = opened()
    assert not breaker.failed(B, 5_000)
    assert breaker.left_ms(5_000) == 5_000


def test_one_request_that_is_answered_with_rubbish_keeps_nobody_waiting() -> None:
    breaker = Breaker(TERMS)
    assert not any(breaker.failed(A, 0, misbehaved=True) for _ in range(9))
    assert not breaker.failed(B, 0, misbehaved=True)
    assert breaker.failed(b"c", 0, misbehaved=True), "a provider that answers nobody well is down"
    assert breaker.admits(A, 10_000)
    assert breaker.failed(A, 10_000, misbehaved=True), "a trial counts whoever tries"


def test_a_timeline_is_told_of_an_outage_once() -> None:
    breaker = opened()
    assert [breaker.is_news(A), breaker.is_news(A), breaker.is_news(B)] == [True, False, True]
    breaker.succeeded()
    assert breaker.is_news(A)


def test_each_service_has_its_own() -> None:
    breakers = Breakers(TERMS)
    for _ in range(3):
        breakers.of("one").failed(A, 0)
    assert not breakers.of("one").admits(A, 0)
    assert breakers.of("two").admits(A, 0)
    assert breakers.open_now() == ["one"]

"""The breaker's states, on a clock of our own."""

from threading import Thread

import pytest
from waybill_common.sessions import Breaker, BreakerState

pytestmark = pytest.mark.unit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock=clock)


def feed(breaker: Breaker, results: str) -> None:
    """Record results in turn: `+` a success, `-` a failure."""
    for result in results:
        breaker.record(breaker.admit(), succeeded=result == "+")


def test_five_failures_in_a_row_open_it(breaker):
    feed(breaker, "----")
    assert breaker.state is BreakerState.CLOSED
    feed(breaker, "-")
    assert breaker.state is BreakerState.OPEN
    assert breaker.admit() is None


def test_a_success_starts_the_row_again(breaker):
    feed(breaker, "----+----")
    assert breaker.state is BreakerState.CLOSED


def test_half_of_the_last_twenty_opens_it(breaker):
    feed(breaker, "+-" * 9 + "+")
    assert breaker.state is BreakerState.CLOSED
    feed(breaker, "-")
    assert breaker.state is BreakerState.OPEN


def test_less_than_half_of_the_last_twenty_does_not(breaker):
    feed(breaker, "++-" * 20)
    assert breaker.state is BreakerState.CLOSED


def test_after_five_seconds_exactly_one_probe_may_go(breaker, clock):
    feed(breaker, "-----")
    clock.now += 4.99
    assert breaker.admit() is None
    clock.now += 0.01
    assert breaker.admit() is not None
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.admit() is None


def test_of_many_threads_one_is_the_probe(breaker, clock):
    feed(breaker, "-----")
    clock.now += 5
    permits = []
    threads = [Thread(target=lambda: permits.append(breaker.admit())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(permit is not None for permit in permits) == 1


def test_a_good_probe_closes_it_with_a_clean_record(breaker, clock):
    feed(breaker, "-----")
    clock.now += 5
    feed(breaker, "+----")
    assert breaker.state is BreakerState.CLOSED


def test_a_bad_probe_opens_it_for_another_five_seconds(breaker, clock):
    feed(breaker, "-----")
    clock.now += 5
    feed(breaker, "-")
    clock.now += 4.99
    assert breaker.admit() is None
    clock.now += 0.01
    assert breaker.admit() is not None


def test_a_probe_that_was_never_sent_may_be_tried_again_at_once(breaker, clock):
    feed(breaker, "-----")
    clock.now += 5
    breaker.cancel(breaker.admit())
    assert breaker.admit() is not None


def test_a_late_result_of_an_earlier_state_changes_nothing(breaker, clock):
    late_success, late_failure = breaker.admit(), breaker.admit()
    feed(breaker, "-----")
    clock.now += 5
    probe = breaker.admit()
    breaker.record(late_success, succeeded=True)
    assert breaker.state is BreakerState.HALF_OPEN
    breaker.record(probe, succeeded=True)
    breaker.record(late_failure, succeeded=False)
    breaker.cancel(late_failure)
    assert breaker.state is BreakerState.CLOSED


def test_each_change_is_told(clock):
    told = []
    breaker = Breaker(clock=clock, on_change=told.append)
    feed(breaker, "-----")
    clock.now += 5
    feed(breaker, "+")
    assert told == [BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]

"""How long a dead process waits for its next start."""

import pytest
from waybill_standalone.processes.backoff import LONGEST_SECONDS, Backoff

pytestmark = pytest.mark.unit


def test_the_wait_doubles_up_to_ten_seconds():
    backoff = Backoff()
    waits = [round(backoff.died(now=100.0, ran_seconds=1) - 100.0, 3) for _ in range(8)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_healthy_half_minute_begins_anew():
    backoff = Backoff()
    for _ in range(5):
        backoff.died(now=0.0, ran_seconds=1)
    assert backoff.died(now=0.0, ran_seconds=31) == pytest.approx(0.2)

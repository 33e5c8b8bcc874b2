"""Breaker and pace of a provider."""

import pytest
from waybill_notifier.domain.letter import ProviderClosedError
from waybill_notifier.domain.smtp_replies import FailureClass as F
from waybill_notifier.gateways.provider_gate import GateOptions, ProviderGate

pytestmark = pytest.mark.unit


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def gate_of(**options):
    clock = Clock()
    return ProviderGate(GateOptions(**{"failures": 3, "rate_per_second": 1000, **options}), clock), clock


def attempt(gate, failure=None, *, reached=True):
    is_probe = gate.enter()
    gate.leave(failure, reached_provider=reached, is_probe=is_probe)


def test_it_opens_after_failures_in_a_row_and_probes_once():
    gate, clock = gate_of()
    for _ in range(3):
        attempt(gate, F.PROVIDER_TRANSIENT, reached=False)
    with pytest.raises(ProviderClosedError) as closed:
        gate.check()
    assert not closed.value.is_configuration
    clock.now += 31
    gate.check()
    assert gate.enter()
    with pytest.raises(ProviderClosedError):
        gate.enter()
    gate.leave(None, reached_provider=True, is_probe=True)
    gate.check()


@pytest.mark.parametrize(
    ("failure", "reached"), [(None, True), (None, False), (F.PROVIDER_TRANSIENT, False), (F.CONFIGURATION, True)]
)
def test_an_attempt_that_began_before_it_opened_neither_ends_the_probe_nor_decides_for_it(failure, reached):
    gate, clock = gate_of(open_seconds=30)
    straggler = gate.enter()
    for _ in range(3):
        attempt(gate, F.PROVIDER_TRANSIENT, reached=False)
    clock.now += 31
    assert gate.enter()
    gate.leave(failure, reached_provider=reached, is_probe=straggler)
    with pytest.raises(ProviderClosedError) as closed:
        gate.enter()
    assert closed.value.wait_seconds == 1, "as long as the probe is under way, and not until a time of its own"
    gate.leave(None, reached_provider=True, is_probe=True)
    assert not gate.enter()


def test_a_failed_probe_opens_it_again():
    gate, clock = gate_of()
    for _ in range(3):
        attempt(gate, F.PROVIDER_TRANSIENT, reached=False)
    clock.now += 31
    attempt(gate, F.PROVIDER_TRANSIENT, reached=False)
    with pytest.raises(ProviderClosedError):
        gate.check()


def test_a_success_between_failures_starts_the_count_anew():
    gate, _ = gate_of()
    for failure in (F.PROVIDER_TRANSIENT, F.PROVIDER_TRANSIENT, None, F.PROVIDER_TRANSIENT, F.PROVIDER_TRANSIENT):
        attempt(gate, failure, reached=failure is None)
    gate.check()


def test_a_refused_recipient_says_that_the_provider_is_well():
    gate, _ = gate_of()
    for failure in (F.PROVIDER_TRANSIENT, F.PROVIDER_TRANSIENT, F.ADDRESS, F.PROVIDER_TRANSIENT):
        attempt(gate, failure)
    gate.check()


def test_a_fault_of_configuration_opens_it_at_once():
    gate, _ = gate_of()
    attempt(gate, F.CONFIGURATION)
    with pytest.raises(ProviderClosedError) as closed:
        gate.check()
    assert closed.value.is_configuration
    assert closed.value.wait_seconds == 60


def test_a_probe_that_ended_by_our_own_fault_does_not_keep_the_others_out():
    gate, clock = gate_of()
    attempt(gate, F.CONFIGURATION)
    clock.now += 61
    attempt(gate, None, reached=False)
    gate.enter()


def test_a_rate_answer_halves_the_rate_and_time_brings_it_back():
    gate, clock = gate_of(rate_per_second=8)
    attempt(gate, F.PROVIDER_RATE)
    attempt(gate, F.PROVIDER_RATE)
    assert gate.rate == 2
    attempt(gate)
    assert gate.rate == 2
    for _ in range(10):
        clock.now += 10
        attempt(gate)
    assert gate.rate == 8


def test_a_slot_that_is_far_away_is_not_waited_for():
    gate, _ = gate_of(rate_per_second=0.5)
    gate.enter()
    with pytest.raises(ProviderClosedError) as closed:
        gate.enter()
    assert 1 < closed.value.wait_seconds <= 2

"""What may be done to a charge, token by token and step by step."""

from datetime import UTC, datetime

import pytest
from waybill_sandbox.domain import (
    TOKENS,
    AmountTooLargeError,
    Charge,
    ChargeStateError,
    CurrencyMismatchError,
    GatewayError,
    Money,
    UnknownTokenError,
    behaviour_of,
)
from waybill_sandbox.views import _STATUS

pytestmark = pytest.mark.unit
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def charge(status: str = "authorized", **sums: int) -> Charge:
    values = {"amount_minor": 1000, "captured_minor": 0, "refunded_minor": 0, "released_minor": 0} | sums
    return Charge(
        id="chg_1",
        reference="pay_1",
        token="tok_approve",
        currency="EUR",
        capture=False,
        status=status,  # type: ignore[arg-type]
        code=None,
        created_at=NOW,
        updated_at=NOW,
        **values,
    )


def test_the_documented_tokens_are_known_and_no_others() -> None:
    assert set(TOKENS) == {
        "tok_approve",
        "tok_decline",
        "tok_insufficient_funds",
        "tok_timeout",
        "tok_timeout_lost",
        "tok_async",
        "tok_flaky",
    }
    with pytest.raises(UnknownTokenError, match="tok_approve"):
        behaviour_of("tok_unheard_of")


def test_a_charge_is_captured_in_parts_and_never_beyond_its_amount() -> None:
    half = charge().captured_by(Money(400, "EUR"))
    assert (half.status, half.captured_minor, half.capturable_minor) == ("captured", 400, 600)
    assert half.captured_by(None).captured_minor == 1000
    with pytest.raises(AmountTooLargeError, match="600 is left"):
        half.captured_by(Money(601, "EUR"))
    with pytest.raises(CurrencyMismatchError):
        half.captured_by(Money(1, "USD"))


@pytest.mark.parametrize("status", ["pending", "declined", "voided"])
def test_only_an_authorized_charge_is_captured(status: str) -> None:
    with pytest.raises(ChargeStateError):
        charge(status).captured_by(None)


def test_voiding_releases_what_was_not_captured() -> None:
    assert charge().voided().status == "voided"
    assert charge().voided().voided().released_minor == 1000
    partly = charge("captured", captured_minor=300).voided()
    assert (partly.status, partly.released_minor, partly.capturable_minor) == ("captured", 700, 0)
    with pytest.raises(ChargeStateError):
        partly.voided()


def test_refunds_stop_at_what_was_captured() -> None:
    once = charge("captured", captured_minor=1000).refunded_by(Money(600, "EUR"))
    with pytest.raises(AmountTooLargeError, match="400 is left"):
        once.refunded_by(Money(401, "EUR"))
    assert once.refunded_by(None).refunded_minor == 1000
    with pytest.raises(ChargeStateError):
        once.refunded_by(None).refunded_by(None)


def test_only_a_pending_charge_settles() -> None:
    assert charge("pending").settled().status == "authorized"
    with pytest.raises(ChargeStateError):
        charge("authorized").settled()


def test_every_refusal_has_a_status() -> None:
    assert set(GatewayError.__subclasses__()) == set(_STATUS)

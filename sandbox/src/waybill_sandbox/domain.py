"""What a charge is, what may be done to it, and how each test token behaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args

ChargeStatus = Literal["authorized", "captured", "pending", "declined", "voided"]
STATUSES: tuple[str, ...] = get_args(ChargeStatus)


class GatewayError(Exception):
    """A request the gateway refuses; `code` is stable, the message says what to do."""

    code = "conflict"


class UnknownTokenError(GatewayError):
    """The payment token is none of the documented ones."""

    code = "unknown_token"


class ChargeNotFoundError(GatewayError):
    """No charge has this id."""

    code = "charge_not_found"


class CurrencyMismatchError(GatewayError):
    """The amount is in another currency than the charge."""

    code = "currency_mismatch"


class AmountTooLargeError(GatewayError):
    """More than what is left was asked for."""

    code = "amount_too_large"


class ChargeStateError(GatewayError):
    """The charge is in a state that does not allow this."""

    code = "charge_state"


class KeyReusedError(GatewayError):
    """The idempotency key came before with another request."""

    code = "idempotency_key_reused"


class TemporarilyDownError(GatewayError):
    """What `tok_flaky` answers before it approves; nothing was charged."""

    code = "temporarily_unavailable"


@dataclass(frozen=True)
class Money:
    """An amount in ISO 4217 minor units."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Behaviour:
    """What a token makes the gateway do with a charge."""

    decline_code: str | None = None
    is_asynchronous: bool = False
    answers_late: bool = False
    is_lost: bool = False
    failures_before: int = 0


TOKENS: Mapping[str, Behaviour] = {
    "tok_approve": Behaviour(),
    "tok_decline": Behaviour(decline_code="card_declined"),
    "tok_insufficient_funds": Behaviour(decline_code="insufficient_funds"),
    "tok_timeout": Behaviour(answers_late=True),
    "tok_timeout_lost": Behaviour(answers_late=True, is_lost=True),
    "tok_async": Behaviour(is_asynchronous=True),
    "tok_flaky": Behaviour(failures_before=2),
}


def behaviour_of(token: str) -> Behaviour:
    """Return how a token behaves; raises UnknownTokenError for one that is not documented."""
    try:
        return TOKENS[token]
    except KeyError:
        raise UnknownTokenError(f"unknown token; the sandbox knows {', '.join(TOKENS)}") from None


@dataclass(frozen=True)
class ChargeRequest:
    """What a caller asks for: `reference` is the caller's own name for it, `capture` takes the money at once."""

    amount: Money
    token: str = field(repr=False)
    reference: str
    capture: bool


@dataclass(frozen=True)
class Charge:
    """One charge as the gateway knows it; captured, refunded and released only ever grow (minor units)."""

    id: str
    reference: str
    token: str
    currency: str
    capture: bool
    status: ChargeStatus
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    released_minor: int
    code: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def capturable_minor(self) -> int:
        """What is authorized and neither captured nor released, in minor units."""
        if self.status not in ("authorized", "captured"):
            return 0
        return self.amount_minor - self.captured_minor - self.released_minor

    @property
    def refundable_minor(self) -> int:
        """What was captured and not yet given back, in minor units."""
        return self.captured_minor - self.refunded_minor

    def settled(self) -> "Charge":
        """Return the charge after an asynchronous token was approved."""
        if self.status != "pending":
            raise ChargeStateError(f"charge {self.id} is {self.status}, not pending")
        if self.capture:
            return replace(self, status="captured", captured_minor=self.amount_minor)
        return replace(self, status="authorized")

    def captured_by(self, amount: Money | None) -> "Charge":
        """Return the charge with this much more captured, everything that is left when None; may be done in parts."""
        if self.capturable_minor == 0:
            raise ChargeStateError(f"charge {self.id} is {self.status} and has nothing left to capture")
        minor = self._part(amount, self.capturable_minor, "capture")
        return replace(self, status="captured", captured_minor=self.captured_minor + minor)

    def voided(self) -> "Charge":
        """Return the charge with what was not captured released; `voided` when nothing had been captured."""
        if self.status == "voided":
            return self
        if self.capturable_minor == 0:
            raise ChargeStateError(f"charge {self.id} is {self.status} and has nothing left to void")
        status: ChargeStatus = "captured" if self.captured_minor else "voided"
        return replace(self, status=status, released_minor=self.released_minor + self.capturable_minor)

    def refunded_by(self, amount: Money | None) -> "Charge":
        """Return the charge with this much given back, everything that is left when None."""
        if self.refundable_minor == 0:
            raise ChargeStateError(f"charge {self.id} is {self.status} and has nothing left to refund")
        minor = self._part(amount, self.refundable_minor, "refund")
        return replace(self, refunded_minor=self.refunded_minor + minor)

    def _part(self, amount: Money | None, left_minor: int, verb: str) -> int:
        if amount is None:
            return left_minor
        if amount.currency != self.currency:
            raise CurrencyMismatchError(f"charge {self.id} is in {self.currency}, not {amount.currency}")
        if amount.amount > left_minor:
            raise AmountTooLargeError(
                f"cannot {verb} {amount.amount} {amount.currency} of charge {self.id}: {left_minor} is left"
            )
        return amount.amount

"""The one table from what the domain refuses to the problem that a client reads."""

from collections.abc import Callable, Mapping
from typing import Any

from waybill_common.http import version_etag
from waybill_common.problems import Problem

from waybill_orders.domain.errors import (
    AmountRefusedError,
    CurrencyMismatchError,
    FieldRefusedError,
    InsufficientStockError,
    InvalidTransitionError,
    OrderNotFoundError,
    PriceChangedError,
    ProductNotFoundError,
    QuantityRefusedError,
    ReferenceTakenError,
    TotalDriftError,
    VersionMismatchError,
)
from waybill_orders.domain.payment_errors import (
    FulfillmentNotFoundError,
    GatewayRefusedError,
    NothingDueError,
    PaymentInProgressError,
    PaymentNotFoundError,
    RefundNotFoundError,
    WebhookRefusedError,
)


def _plain(status: int, *, retryable: bool | None = None) -> Callable[[Any], Problem]:
    return lambda error: Problem(status, error.code, str(error), retryable=retryable)


def _field_refused(error: FieldRefusedError) -> Problem:
    errors = [{"pointer": pointer, "code": code, "detail": detail} for pointer, code, detail in error.faults]
    return Problem(422, error.code, "The body is well formed but some values cannot be used.", errors=errors)


def _insufficient_stock(error: InsufficientStockError) -> Problem:
    items = [{"sku": item.sku, "requested": item.requested, "available": item.available} for item in error.items]
    return Problem(409, error.code, str(error), items=items)


def _total_drift(error: TotalDriftError) -> Problem:
    expected = {"amount": error.expected_minor, "currency": error.currency}
    current = {"amount": error.current_minor, "currency": error.currency}
    return Problem(409, error.code, str(error), expected_total=expected, current_total=current)


def _invalid_transition(error: InvalidTransitionError) -> Problem:
    states: dict[str, Any] = {"from": error.current, "to": error.target, "allowed": list(error.allowed)}
    return Problem(409, error.code, str(error), **states)


def _version_mismatch(error: VersionMismatchError) -> Problem:
    return Problem(412, error.code, str(error), headers={"ETag": version_etag(error.current_version)})


def _quantity_refused(error: QuantityRefusedError) -> Problem:
    figures: dict[str, Any] = {"line": error.line, "requested": error.requested, "remaining": error.remaining}
    return Problem(409, error.code, str(error), **figures)


def _amount_refused(error: AmountRefusedError) -> Problem:
    requested = {"amount": error.requested_minor, "currency": error.currency}
    limit = {"amount": error.limit_minor, "currency": error.currency}
    return Problem(409, error.code, str(error), requested=requested, limit=limit)


def _payment_in_progress(error: PaymentInProgressError) -> Problem:
    headers = {"Retry-After": "1"}
    return Problem(409, error.code, str(error), headers=headers, retryable=True, payment_id=error.payment_id)


def _gateway_refused(error: GatewayRefusedError) -> Problem:
    return Problem(409, error.code, str(error), gateway_code=error.gateway_code)


def _webhook_refused(error: WebhookRefusedError) -> Problem:
    return Problem(401, error.code, str(error), headers={"WWW-Authenticate": 'StandardWebhooks realm="waybill"'})


ORDER_ERRORS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    OrderNotFoundError: _plain(404),
    ProductNotFoundError: _plain(404),
    FieldRefusedError: _field_refused,
    CurrencyMismatchError: _plain(422),
    InsufficientStockError: _insufficient_stock,
    TotalDriftError: _total_drift,
    PriceChangedError: _plain(409, retryable=True),
    ReferenceTakenError: _plain(409),
    VersionMismatchError: _version_mismatch,
    InvalidTransitionError: _invalid_transition,
    QuantityRefusedError: _quantity_refused,
    AmountRefusedError: _amount_refused,
    PaymentNotFoundError: _plain(404),
    RefundNotFoundError: _plain(404),
    FulfillmentNotFoundError: _plain(404),
    PaymentInProgressError: _payment_in_progress,
    NothingDueError: _plain(409),
    GatewayRefusedError: _gateway_refused,
    WebhookRefusedError: _webhook_refused,
}

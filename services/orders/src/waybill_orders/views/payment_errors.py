"""The problems of money and parcels; `errors.py` merges them into the one table."""

from collections.abc import Callable, Mapping
from typing import Any

from waybill_common.problems import Problem

from waybill_orders.domain.payment_errors import (
    FulfillmentNotFoundError,
    GatewayRefusedError,
    NothingDueError,
    PaymentInProgressError,
    PaymentNotFoundError,
    RefundNotFoundError,
    WebhookRefusedError,
)


def _not_found(error: PaymentNotFoundError | RefundNotFoundError | FulfillmentNotFoundError) -> Problem:
    return Problem(404, error.code, str(error))


def _in_progress(error: PaymentInProgressError) -> Problem:
    headers = {"Retry-After": "1"}
    return Problem(409, error.code, str(error), headers=headers, retryable=True, payment_id=error.payment_id)


def _nothing_due(error: NothingDueError) -> Problem:
    return Problem(409, error.code, str(error))


def _gateway_refused(error: GatewayRefusedError) -> Problem:
    return Problem(409, error.code, str(error), gateway_code=error.gateway_code)


def _webhook_refused(error: WebhookRefusedError) -> Problem:
    return Problem(401, error.code, str(error), headers={"WWW-Authenticate": 'StandardWebhooks realm="waybill"'})


PAYMENT_ERRORS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    PaymentNotFoundError: _not_found,
    RefundNotFoundError: _not_found,
    FulfillmentNotFoundError: _not_found,
    PaymentInProgressError: _in_progress,
    NothingDueError: _nothing_due,
    GatewayRefusedError: _gateway_refused,
    WebhookRefusedError: _webhook_refused,
}

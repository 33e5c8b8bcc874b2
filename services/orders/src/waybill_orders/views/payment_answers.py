"""Payments, refunds and parcels as JSON, and the answers of the commands about them."""

from typing import Any

import orjson
from flask import Response
from waybill_common.clock import rfc3339
from waybill_common.http import send_answer, version_etag
from waybill_common.idempotency import Answer
from waybill_common.problems import Problem
from waybill_common.telemetry import current_request_id

from waybill_orders.domain.order import Fulfillment, Order
from waybill_orders.domain.payments import Payment, PaymentState
from waybill_orders.domain.refunds import Refund, RefundState
from waybill_orders.views.representation import fulfillment_json

_PROBLEM_JSON = "application/problem+json"
_CHARGED = {PaymentState.PENDING: 202, PaymentState.DECLINED: 402, PaymentState.FAILED: 402}


def payment_json(payment: Payment) -> dict[str, Any]:
    """Return a payment as `PaymentOut`."""

    def money(amount_minor: int) -> dict[str, Any]:
        return {"amount": amount_minor, "currency": payment.currency}

    return {
        "id": payment.id,
        "order_id": payment.order_id,
        "attempt": payment.attempt,
        "status": payment.status,
        "method": {"type": payment.method["type"]},
        "capture": payment.capture,
        "amount": money(payment.amount_minor),
        "authorized": money(payment.authorized_minor),
        "captured": money(payment.captured_minor),
        "refunded": money(payment.refunded_minor),
        "code": payment.failure_code,
        "created_at": rfc3339(payment.created_at),
        "updated_at": rfc3339(payment.updated_at),
    }


def refund_json(refund: Refund) -> dict[str, Any]:
    """Return a refund as `RefundOut`."""
    return {
        "id": refund.id,
        "order_id": refund.order_id,
        "payment_id": refund.payment_id,
        "status": refund.status,
        "amount": {"amount": refund.amount_minor, "currency": refund.currency},
        "reason": refund.reason,
        "code": refund.failure_code,
        "created_at": rfc3339(refund.created_at),
        "updated_at": rfc3339(refund.updated_at),
    }


def payment_path(payment: Payment) -> str:
    """Return where a payment is read."""
    return f"/v1/orders/{payment.order_id}/payments/{payment.id}"


class JsonMoneyAnswers:
    """Adapter of the port `MoneyAnswers`: bodies are rendered before the commit that stores them."""

    def charged(self, order: Order, payment: Payment) -> Answer:
        """201 with the payment, 202 while it is pending, 402 when it was declined or given up."""
        status = _CHARGED.get(payment.status, 201)
        body = _refusal(payment, payment.failure_code) if status == 402 else orjson.dumps(payment_json(payment))
        return Answer(status, body, payment_path(payment), version_etag(order.version))

    def changed(self, order: Order, payment: Payment, refusal: str | None) -> Answer:
        """200 with the payment, 202 while the command is in flight, 402 with the gateway's code when it refused."""
        status = 202 if payment.operation else 402 if refusal else 200
        body = _refusal(payment, refusal) if status == 402 else orjson.dumps(payment_json(payment))
        location = payment_path(payment) if status == 202 else None
        return Answer(status, body, location, version_etag(order.version))

    def refunded(self, order: Order, refund: Refund) -> Answer:
        """201 with the refund, 202 while it is pending."""
        status = 202 if refund.status is RefundState.PENDING else 201
        location = f"/v1/orders/{order.id}/refunds/{refund.id}"
        return Answer(status, orjson.dumps(refund_json(refund)), location, version_etag(order.version))


def parcel_json(order_id: str, parcel: Fulfillment) -> dict[str, Any]:
    """Return a parcel as `ParcelOut`."""
    return {"order_id": order_id, **fulfillment_json(parcel)}


def shipped_answer(order: Order, parcel: Fulfillment) -> Answer:
    """Return the answer of a parcel that left."""
    location = f"/v1/orders/{order.id}/fulfillments/{parcel.id}"
    return Answer(201, orjson.dumps(parcel_json(order.id, parcel)), location, version_etag(order.version))


def delivered_answer(order: Order, parcel: Fulfillment) -> Answer:
    """Return the answer of a parcel that arrived."""
    return Answer(200, orjson.dumps(parcel_json(order.id, parcel)), None, version_etag(order.version))


def send_money_answer(answer: Answer) -> Response:
    """Send an answer; a recorded 402 is a problem (RFC 9457) like every refusal."""
    response = send_answer(answer)
    if answer.status >= 400:
        response.content_type = _PROBLEM_JSON
    return response


def _refusal(payment: Payment, code: str | None) -> bytes:
    declined = payment.status is PaymentState.DECLINED
    problem = Problem(
        402,
        "payment_declined" if declined else "payment_failed",
        f"The payment gateway said {code!r}; the attempt is recorded. Pay again with another method.",
        decline_code=code,
        payment=payment_json(payment),
    )
    return problem.body(payment_path(payment), current_request_id())

"""Payments over HTTP: customers pay their own orders, staff capture and void."""

from dataclasses import dataclass

import orjson
from flask import Response
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    content_answer,
    current_caller,
    operation,
    page_answer,
    staff,
)
from waybill_common.idempotency import KeyRequest

from waybill_orders.use_cases.capture_payment import CapturePayment, capture_payment
from waybill_orders.use_cases.money_ports import MoneyAnswers, MoneyQueries, MoneyUnitOfWorkFactory, PaymentGateway
from waybill_orders.use_cases.pay_order import PayOrder, pay_order
from waybill_orders.use_cases.void_payment import VoidPayment, void_payment
from waybill_orders.views.callers import READ_ALL, visible_to
from waybill_orders.views.payment_answers import payment_json, send_money_answer
from waybill_orders.views.payment_schemas import CaptureIn, NothingIn, PaymentIn, PaymentOut, PaymentPageOut


@dataclass(frozen=True)
class MoneyDesk:
    """What the routes about money are made of."""

    unit_of_work: MoneyUnitOfWorkFactory
    gateway: PaymentGateway
    answers: MoneyAnswers
    queries: MoneyQueries


def payments_blueprints(desk: MoneyDesk) -> list[GuardedBlueprint]:
    """Return `/v1/orders/{id}/payments…`: one blueprint for each kind of caller."""
    return [_payments(desk), _payment_commands(desk)]


def _payments(desk: MoneyDesk) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("payments", __name__, access=PERSON)

    @blueprint.post("/v1/orders/<order_id>/payments")
    @operation(body=PaymentIn, keyed=True, answers={201: PaymentOut, 202: PaymentOut, 402: None})
    def pay(order_id: str, body: PaymentIn, key: KeyRequest) -> Response:
        """Pay for an order; 202 means that the outcome is read at `Location`."""
        caller = current_caller()
        command = PayOrder(
            order_id=order_id,
            customer_id=caller.subject,
            method=body.method.model_dump(),
            amount=body.amount.to_money() if body.amount else None,
            capture=body.capture,
            actor=caller.subject,
            key=key,
        )
        return send_money_answer(pay_order(command, desk.unit_of_work, desk.gateway, desk.answers))

    @blueprint.get("/v1/orders/<order_id>/payments")
    @operation(answers={200: PaymentPageOut})
    def list_payments(order_id: str) -> Response:
        """List an order's payments, oldest first."""
        found = desk.queries.payments(order_id, customer_id=visible_to(READ_ALL))
        return page_answer([payment_json(payment) for payment in found], None)

    @blueprint.get("/v1/orders/<order_id>/payments/<payment_id>")
    @operation(answers={200: PaymentOut, 304: None})
    def show(order_id: str, payment_id: str) -> Response:
        """Read a payment; its ETag is its own, because what the gateway refuses shows here and changes no order."""
        payment = desk.queries.payment(order_id, payment_id, customer_id=visible_to(READ_ALL))
        return content_answer(orjson.dumps(payment_json(payment)))

    return blueprint


def _payment_commands(desk: MoneyDesk) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("payment_commands", __name__, access=staff("payments:write"))

    @blueprint.post("/v1/orders/<order_id>/payments/<payment_id>/capture")
    @operation(body=CaptureIn, keyed=True, answers={200: PaymentOut, 202: PaymentOut, 402: None})
    def capture(order_id: str, payment_id: str, body: CaptureIn, key: KeyRequest) -> Response:
        """Take what a payment holds, whole or in parts."""
        command = CapturePayment(
            order_id=order_id,
            payment_id=payment_id,
            amount=body.amount.to_money() if body.amount else None,
            actor=current_caller().subject,
            key=key,
        )
        return send_money_answer(capture_payment(command, desk.unit_of_work, desk.gateway, desk.answers))

    @blueprint.post("/v1/orders/<order_id>/payments/<payment_id>/void")
    @operation(body=NothingIn, keyed=True, answers={200: PaymentOut, 202: PaymentOut, 402: None})
    def void(order_id: str, payment_id: str, body: NothingIn, key: KeyRequest) -> Response:  # noqa: ARG001 - empty
        """Release what a payment holds and has not taken."""
        command = VoidPayment(order_id=order_id, payment_id=payment_id, actor=current_caller().subject, key=key)
        return send_money_answer(void_payment(command, desk.unit_of_work, desk.gateway, desk.answers))

    return blueprint

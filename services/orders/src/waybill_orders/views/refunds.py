"""Refunds over HTTP: staff give money back, customers see theirs."""

from flask import Response
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    current_caller,
    operation,
    page_answer,
    staff,
    versioned_answer,
)
from waybill_common.idempotency import KeyRequest

from waybill_orders.domain.errors import FieldRefusedError
from waybill_orders.use_cases.refund_order import RefundOrder, refund_order
from waybill_orders.views.callers import READ_ALL, visible_to
from waybill_orders.views.payment_answers import refund_json, send_money_answer
from waybill_orders.views.payment_schemas import RefundIn, RefundOut, RefundPageOut
from waybill_orders.views.payments import MoneyDesk


def refunds_blueprints(desk: MoneyDesk) -> list[GuardedBlueprint]:
    """Return `/v1/orders/{id}/refunds…`: one blueprint for each kind of caller."""
    return [_refunds(desk), _refund_commands(desk)]


def _refunds(desk: MoneyDesk) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("refunds", __name__, access=PERSON)

    @blueprint.get("/v1/orders/<order_id>/refunds")
    @operation(answers={200: RefundPageOut})
    def list_refunds(order_id: str) -> Response:
        """List an order's refunds, oldest first."""
        found = desk.queries.refunds(order_id, customer_id=visible_to(READ_ALL))
        return page_answer([refund_json(refund) for refund in found], None)

    @blueprint.get("/v1/orders/<order_id>/refunds/<refund_id>")
    @operation(answers={200: RefundOut, 304: None})
    def show(order_id: str, refund_id: str) -> Response:
        """Read a refund; the ETag is the order's version."""
        refund, version = desk.queries.refund(order_id, refund_id, customer_id=visible_to(READ_ALL))
        return versioned_answer(refund_json(refund), version)

    return blueprint


def _refund_commands(desk: MoneyDesk) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("refund_commands", __name__, access=staff("orders:refund", risky=True))

    @blueprint.post("/v1/orders/<order_id>/refunds")
    @operation(body=RefundIn, keyed=True, answers={201: RefundOut, 202: RefundOut})
    def refund(order_id: str, body: RefundIn, key: KeyRequest) -> Response:
        """Give money back, never more than was taken."""
        if body.amount is not None and body.lines is not None:
            detail = "Name an amount or lines, not both."
            raise FieldRefusedError([("/lines", "exclusive", detail)])
        command = RefundOrder(
            order_id=order_id,
            amount=body.amount.to_money() if body.amount else None,
            lines=tuple((units.line, units.quantity) for units in body.lines or ()),
            reason=body.reason,
            actor=current_caller().subject,
            key=key,
        )
        return send_money_answer(refund_order(command, desk.unit_of_work, desk.gateway, desk.answers))

    return blueprint

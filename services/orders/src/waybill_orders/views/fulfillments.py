"""Parcels over HTTP: staff ship and deliver, customers see theirs."""

from flask import Response
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    IfMatch,
    current_caller,
    operation,
    send_answer,
    staff,
    versioned_answer,
)
from waybill_common.idempotency import KeyRequest

from waybill_orders.domain.parcels import find_parcel
from waybill_orders.use_cases.deliver_fulfillment import DeliverFulfillment, deliver_fulfillment
from waybill_orders.use_cases.money_ports import MoneyUnitOfWorkFactory
from waybill_orders.use_cases.queries import OrderQueries
from waybill_orders.use_cases.ship_order import ShipOrder, ship_order
from waybill_orders.views.callers import READ_ALL, visible_to
from waybill_orders.views.payment_answers import delivered_answer, parcel_json, shipped_answer
from waybill_orders.views.payment_schemas import FulfillmentIn, NothingIn, ParcelOut


def fulfillments_blueprints(unit_of_work: MoneyUnitOfWorkFactory, queries: OrderQueries) -> list[GuardedBlueprint]:
    """Return `/v1/orders/{id}/fulfillments…`: one blueprint for each kind of caller."""
    return [_fulfillments(queries), _shipping(unit_of_work)]


def _fulfillments(queries: OrderQueries) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("fulfillments", __name__, access=PERSON)

    @blueprint.get("/v1/orders/<order_id>/fulfillments/<fulfillment_id>")
    @operation(answers={200: ParcelOut, 304: None})
    def show(order_id: str, fulfillment_id: str) -> Response:
        """Read a parcel; the ETag is the order's version."""
        order = queries.find(order_id, customer_id=visible_to(READ_ALL))
        return versioned_answer(parcel_json(order_id, find_parcel(order, fulfillment_id)), order.version)

    return blueprint


def _shipping(unit_of_work: MoneyUnitOfWorkFactory) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("shipping", __name__, access=staff("orders:ship"))

    @blueprint.post("/v1/orders/<order_id>/fulfillments")
    @operation(body=FulfillmentIn, keyed=True, if_match=True, answers={201: ParcelOut})
    def ship(order_id: str, body: FulfillmentIn, key: KeyRequest, if_match: IfMatch) -> Response:
        """Record that units have left the house."""
        command = ShipOrder(
            order_id=order_id,
            lines=tuple((units.line, units.quantity) for units in body.lines or ()),
            carrier=body.carrier,
            tracking_number=body.tracking_number,
            accepts=if_match.accepts,
            actor=current_caller().subject,
            key=key,
        )
        return send_answer(ship_order(command, unit_of_work, shipped_answer))

    @blueprint.post("/v1/orders/<order_id>/fulfillments/<fulfillment_id>/deliver")
    @operation(body=NothingIn, keyed=True, answers={200: ParcelOut})
    def deliver(order_id: str, fulfillment_id: str, body: NothingIn, key: KeyRequest) -> Response:  # noqa: ARG001
        """Record that a parcel has arrived."""
        command = DeliverFulfillment(
            order_id=order_id, fulfillment_id=fulfillment_id, actor=current_caller().subject, key=key
        )
        return send_answer(deliver_fulfillment(command, unit_of_work, delivered_answer))

    return blueprint

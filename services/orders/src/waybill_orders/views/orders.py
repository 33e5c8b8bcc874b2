"""Orders over HTTP: place, list, read and cancel; each caller sees his own, staff see all."""

from dataclasses import dataclass

from flask import Response
from waybill_common.clock import rfc3339
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    current_caller,
    encode_cursor,
    operation,
    page_answer,
    send_answer,
    versioned_answer,
)
from waybill_common.idempotency import KeyRequest
from waybill_common.ids import new_id

from waybill_orders.domain.cancellation import CanceledUnits
from waybill_orders.domain.listing import OrderFilter
from waybill_orders.domain.placement import Wanted, Wish
from waybill_orders.use_cases.cancel_order import CancelOrder, cancel_order
from waybill_orders.use_cases.place_order import PlaceOrder, place_order
from waybill_orders.use_cases.ports import OpenOrderDesk, UnitOfWorkFactory
from waybill_orders.use_cases.queries import OrderQueries
from waybill_orders.views.callers import READ_ALL, WRITE_ALL, time_position, visible_to
from waybill_orders.views.representation import order_answer, order_json, placed_answer
from waybill_orders.views.schemas import CancelOrderIn, OrderListQuery, OrderOut, OrderPageOut, PlaceOrderIn


@dataclass(frozen=True, kw_only=True)
class OrderTerms:
    """What this installation adds to a wish: its channel, and the minutes to pay where the channel sets none."""

    channel: str
    expiry_minutes: int


def orders_blueprint(
    open_desk: OpenOrderDesk, unit_of_work: UnitOfWorkFactory, queries: OrderQueries, terms: OrderTerms
) -> GuardedBlueprint:
    """Return `/v1/orders`, `/v1/orders/{id}` and `/v1/orders/{id}/cancel`."""
    blueprint = GuardedBlueprint("orders", __name__, access=PERSON)

    @blueprint.post("/v1/orders")
    @operation(body=PlaceOrderIn, keyed=True, answers={201: OrderOut})
    def place(body: PlaceOrderIn, key: KeyRequest) -> Response:
        """Place an order: price it, reserve its stock, and keep it until it is paid or its time is over."""
        wish = _wish(body, terms.channel)
        command = PlaceOrder(wish=wish, key=key, note=body.note, expiry_minutes=terms.expiry_minutes)
        return send_answer(place_order(command, open_desk, placed_answer))

    @blueprint.get("/v1/orders")
    @operation(query=OrderListQuery, answers={200: OrderPageOut})
    def list_orders(query: OrderListQuery) -> Response:
        """List orders, newest first; a customer's own, all of them for staff."""
        return _page(query, queries)

    @blueprint.get("/v1/orders/<order_id>")
    @operation(answers={200: OrderOut, 304: None})
    def show(order_id: str) -> Response:
        """Read an order; its ETag is its version."""
        order = queries.find(order_id, customer_id=visible_to(READ_ALL))
        return versioned_answer(order_json(order), order.version)

    @blueprint.post("/v1/orders/<order_id>/cancel")
    @operation(body=CancelOrderIn, keyed=True, answers={200: OrderOut})
    def cancel(order_id: str, body: CancelOrderIn, key: KeyRequest) -> Response:
        """Cancel an order, or units of its lines, before they are shipped; money goes back by itself."""
        command = CancelOrder(
            order_id=order_id,
            customer_id=visible_to(WRITE_ALL),
            units=tuple(CanceledUnits(line.line, line.quantity) for line in body.lines or ()),
            reason=body.reason,
            actor=current_caller().subject,
            key=key,
        )
        return send_answer(cancel_order(command, unit_of_work, order_answer))

    return blueprint


def _wish(body: PlaceOrderIn, channel: str) -> Wish:
    return Wish(
        order_id=new_id("ord"),
        channel=channel,
        customer_id=current_caller().subject,
        lines=[Wanted(line.sku, line.quantity) for line in body.lines],
        shipping_address=body.shipping_address.model_dump(exclude_none=True),
        expected_total=None if body.expected_total is None else body.expected_total.to_money(),
        external_reference=body.external_reference,
    )


def _page(query: OrderListQuery, queries: OrderQueries) -> Response:
    scope = visible_to(READ_ALL)
    if scope is not None and query.customer_id not in {None, scope}:
        return page_answer([], None)  # another customer's orders: none that this caller may know of
    filters = {**query.model_dump(exclude={"cursor", "limit"}), "scope": scope}
    after = time_position(query.cursor, filters)
    found = queries.page(_filter(query, scope), after=after, limit=query.limit + 1)
    page = found[: query.limit]
    more = len(found) > query.limit
    cursor = encode_cursor([rfc3339(page[-1].placed_at), page[-1].id], filters) if more else None
    return page_answer([order_json(order) for order in page], cursor)


def _filter(query: OrderListQuery, scope: str | None) -> OrderFilter:
    return OrderFilter(
        customer_id=scope or query.customer_id,
        channel=query.channel,
        number=query.number,
        external_reference=query.external_reference,
        status=_words(query.status),
        payment_status=_words(query.payment_status),
        fulfillment_status=_words(query.fulfillment_status),
        created_from=query.created_from,
        created_to=query.created_to,
        sort=query.sort,
    )


def _words(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(sorted(set(text.split(","))))

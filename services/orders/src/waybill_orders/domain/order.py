"""An order and its lines as values: what was agreed, what happened since, and every figure that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from waybill_orders.domain.money import share
from waybill_orders.domain.states import (
    HOLDS_STOCK,
    Balance,
    FulfillmentStatus,
    PaymentStatus,
    Status,
    fulfillment_status,
    payment_status,
)

MAX_LINES = 100  # so that an event stays under 64 KiB whatever the names


class OrderLine(NamedTuple):
    """One line, frozen at placement except for its unit counters; amounts in minor units of the order's currency.

    A tuple because every order that is read or placed makes some: a frozen dataclass takes eight times as long.
    """

    line: int
    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    total_minor: int
    discount_minor: int = 0
    tax_minor: int = 0
    quantity_canceled: int = 0
    quantity_shipped: int = 0
    quantity_delivered: int = 0
    quantity_returned: int = 0

    @property
    def active_units(self) -> int:
        """Units that were not cancelled."""
        return self.quantity - self.quantity_canceled

    @property
    def open_units(self) -> int:
        """Units neither cancelled nor shipped: what can still be cancelled or shipped, and what holds stock."""
        return self.quantity - self.quantity_canceled - self.quantity_shipped

    @property
    def due_minor(self) -> int:
        """The part of the line's total that its units not cancelled carry."""
        if self.quantity_canceled == 0:
            return self.total_minor
        return self.total_minor - share(self.total_minor, self.quantity_canceled, self.quantity)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fulfillment:
    """One parcel: which units of which lines left together; `lines` holds (line, quantity)."""

    id: str
    status: str
    carrier: str | None
    tracking_number: str | None
    lines: tuple[tuple[int, int], ...]
    shipped_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order at one version. What is derived is a property, so nothing can set it wrong; worked out once a value."""

    id: str
    channel: str
    number: str
    customer_id: str
    status: Status
    currency: str
    subtotal_minor: int
    discount_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    total_minor: int
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    voided: bool = False
    version: int
    placed_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    lines: tuple[OrderLine, ...]
    shipping_address: Mapping[str, str] = field(default_factory=dict)
    external_reference: str | None = None
    fulfillments: tuple[Fulfillment, ...] = ()

    @cached_property
    def due_minor(self) -> int:
        """What the units not cancelled cost, shipping included while any unit is left."""
        if not any(line.active_units for line in self.lines):
            return 0
        return sum(line.due_minor for line in self.lines) + self.shipping_minor

    @cached_property
    def payment_status(self) -> PaymentStatus:
        """Where the money stands, derived."""
        return payment_status(
            Balance(
                self.due_minor,
                self.total_minor,
                self.authorized_minor,
                self.captured_minor,
                self.refunded_minor,
                self.voided,
            )
        )

    @cached_property
    def fulfillment_status(self) -> FulfillmentStatus:
        """Where the goods stand, derived."""
        if not self.has_shipped_units:
            return FulfillmentStatus.UNFULFILLED
        return fulfillment_status(
            active=sum(line.active_units for line in self.lines),
            shipped=sum(line.quantity_shipped for line in self.lines),
            delivered=sum(line.quantity_delivered for line in self.lines),
            returned=sum(line.quantity_returned for line in self.lines),
        )

    @property
    def is_covered(self) -> bool:
        """Money held or taken covers what the units not cancelled cost."""
        return self.authorized_minor + self.captured_minor >= self.due_minor

    @property
    def is_overpaid(self) -> bool:
        """More was taken and kept than the units not cancelled cost: something is to be given back."""
        return self.captured_minor - self.refunded_minor > self.due_minor

    @property
    def is_finished(self) -> bool:
        """The last unit not cancelled is delivered and the balance is 0; later refunds do not reopen it."""
        delivered = all(line.quantity_delivered >= line.active_units for line in self.lines)
        return delivered and self.captured_minor >= self.due_minor and any(line.active_units for line in self.lines)

    @property
    def has_shipped_units(self) -> bool:
        """At least one unit left the house."""
        return any(line.quantity_shipped for line in self.lines)

    @staticmethod
    def of_values(values: Mapping[str, Any]) -> "Order":
        """Return the order of all its members by name: of a row, which the database has checked.

        A frozen dataclass's own way sets each member by a call, for a tenth of the time of reading an order.
        """
        order = object.__new__(Order)
        order.__dict__.update(values)
        return order

    def at_version(self, version: int) -> "Order":
        """Return the same order under another version; what was derived stays as it was worked out.

        `dataclasses.replace` takes fifteen times as long, and every order that is placed passes here.
        """
        return Order.of_values({**self.__dict__, "version": version})

    def line(self, number: int) -> OrderLine | None:
        """Return the line of this number, None when the order has no such line."""
        return next((line for line in self.lines if line.line == number), None)

    def with_lines(self, *changed: OrderLine) -> "Order":
        """Return the order with these lines in the place of those of the same number."""
        by_number = {line.line: line for line in changed}
        return replace(self, lines=tuple(by_number.get(line.line, line) for line in self.lines))

    def reserved_units(self) -> dict[str, int]:
        """Return how many units of each SKU this order holds in stock; empty once it has ended."""
        held: dict[str, int] = {}
        if self.status in HOLDS_STOCK:
            for line in self.lines:
                held[line.sku] = held.get(line.sku, 0) + line.open_units
        return held

    def shipped_units(self) -> dict[str, int]:
        """Return how many units of each SKU left the house for this order."""
        shipped: dict[str, int] = {}
        for line in self.lines:
            shipped[line.sku] = shipped.get(line.sku, 0) + line.quantity_shipped
        return shipped

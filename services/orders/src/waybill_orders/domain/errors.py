"""What can be refused, each with a stable code; `views/errors.py` turns every one of them into a problem."""

from collections.abc import Sequence
from dataclasses import dataclass


class DomainError(Exception):
    """A refusal that a client can act on; `code` is stable and what clients switch on."""

    code = "domain_error"


class OrderNotFoundError(DomainError):
    """No such order, or one that the caller may not know of: the two look alike on purpose."""

    code = "order_not_found"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"There is no order {order_id}.")
        self.order_id = order_id


class ProductNotFoundError(DomainError):
    """No product is sold under this SKU."""

    code = "product_not_found"

    def __init__(self, sku: str) -> None:
        super().__init__(f"There is no product {sku}.")
        self.sku = sku


class FieldRefusedError(DomainError):
    """Well-formed fields that cannot be acted on; `faults` holds (JSON pointer, code, detail), all of them at once."""

    code = "validation_failed"

    def __init__(self, faults: Sequence[tuple[str, str, str]]) -> None:
        super().__init__("; ".join(f"{pointer}: {detail}" for pointer, _, detail in faults))
        self.faults = tuple(faults)


class CurrencyMismatchError(DomainError):
    """Money of two currencies met in one order."""

    code = "currency_mismatch"

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"This order is in {expected}; an amount in {found} cannot be part of it.")
        self.expected, self.found = expected, found


@dataclass(frozen=True)
class Shortage:
    """One SKU of which less is available than was asked for, in units."""

    sku: str
    requested: int
    available: int


class InsufficientStockError(DomainError):
    """Some SKUs are short; `items` names all of them."""

    code = "insufficient_stock"

    def __init__(self, items: Sequence[Shortage]) -> None:
        super().__init__("Not enough stock of " + ", ".join(item.sku for item in items) + ".")
        self.items = tuple(items)


class TotalDriftError(DomainError):
    """The total that the client agreed to is not the total of today (both in minor units of `currency`)."""

    code = "total_drift"

    def __init__(self, expected_minor: int, current_minor: int, currency: str) -> None:
        super().__init__(f"The order now costs {current_minor} {currency} minor units, not {expected_minor}.")
        self.expected_minor, self.current_minor, self.currency = expected_minor, current_minor, currency


class PriceChangedError(DomainError):
    """A price changed while the order was being placed, again and again; nothing was kept."""

    code = "price_changed"

    def __init__(self) -> None:
        super().__init__("A price changed while the order was being placed. Read the prices and send the order again.")


class ReferenceTakenError(DomainError):
    """The customer has an order with this external reference already."""

    code = "external_reference_taken"

    def __init__(self, reference: str) -> None:
        super().__init__(f"An order with the external reference {reference!r} exists already.")
        self.reference = reference


class VersionMismatchError(DomainError):
    """The caller's `If-Match` names another version than the stored one (RFC 9110 section 13.1.1)."""

    code = "version_mismatch"

    def __init__(self, current_version: int) -> None:
        super().__init__(f"The order is at version {current_version} now. Read it again before changing it.")
        self.current_version = current_version


class InvalidTransitionError(DomainError):
    """The state machine (`states.py`) has no way from here to there; `allowed` lists where it does lead."""

    code = "invalid_transition"

    def __init__(self, current: str, target: str, allowed: Sequence[str], reason: str = "") -> None:
        super().__init__(reason or f"What is {current} cannot become {target}.")
        self.current, self.target, self.allowed = current, target, tuple(allowed)


class QuantityRefusedError(DomainError):
    """More units of a line were named than are left for the command."""

    code = "invalid_quantity"

    def __init__(self, line: int, requested: int, remaining: int) -> None:
        super().__init__(f"Line {line} has {remaining} units left for this; {requested} were named.")
        self.line, self.requested, self.remaining = line, requested, remaining


class AmountRefusedError(DomainError):
    """More money was named than may move; amounts in minor units."""

    code = "invalid_amount"

    def __init__(self, requested_minor: int, limit_minor: int, currency: str) -> None:
        super().__init__(f"At most {limit_minor} {currency} minor units can move here; {requested_minor} were named.")
        self.requested_minor, self.limit_minor, self.currency = requested_minor, limit_minor, currency

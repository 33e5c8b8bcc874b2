"""Take a gateway's webhook: once, in any order, as facts."""

from enum import StrEnum

from waybill_orders.domain.payments import GatewayEvent, Payment
from waybill_orders.use_cases.money_ports import MoneyUnitOfWork, MoneyUnitOfWorkFactory
from waybill_orders.use_cases.settlement import learn_facts


class Intake(StrEnum):
    """What became of a webhook; all three are answered with 200."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    PARKED = "parked"


def apply_gateway_event(event: GatewayEvent, unit_of_work: MoneyUnitOfWorkFactory) -> Intake:
    """Keep the event and apply what it tells, in one transaction; a failing database raises, so that it is sent again.

    What belongs to no payment of ours, or cannot be true of it, is parked for a person to look at.
    """
    with unit_of_work() as work:
        found = _payment_of(work, event)
        if not work.gateway_events.add(event, parked=found is None):
            return Intake.DUPLICATE
        if found is None or event.facts is None:
            return Intake.PARKED
        order = work.orders.lock(found.order_id)
        payment = work.payments.get(found.order_id, found.id)
        learn_facts(work, order, payment, event.facts, f"gateway:{event.provider}")
        return Intake.APPLIED


def _payment_of(work: MoneyUnitOfWork, event: GatewayEvent) -> Payment | None:
    if event.facts is None:
        return None
    found = work.payments.find(event.provider, event.facts.reference)
    return found if found is not None and event.facts.fits(found) else None

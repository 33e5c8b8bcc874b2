"""Take a gateway's webhook: once, in any order, as facts."""

from enum import StrEnum

from waybill_orders.domain.payments import GatewayEvent
from waybill_orders.use_cases.money_ports import MoneyUnitOfWorkFactory
from waybill_orders.use_cases.settlement import learn_facts


class Intake(StrEnum):
    """What became of a webhook; all three are answered with 200."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    PARKED = "parked"


def apply_gateway_event(event: GatewayEvent, unit_of_work: MoneyUnitOfWorkFactory) -> Intake:
    """Keep the event and apply what it tells, in one transaction; a failing database raises, so that it is sent again.

    What belongs to no payment of ours is parked for a person to look at.
    """
    with unit_of_work() as work:
        facts = event.facts
        found = None if facts is None else work.payments.order_of_reference(event.provider, facts.reference)
        if not work.gateway_events.add(event, parked=found is None):
            return Intake.DUPLICATE
        if facts is None or found is None:
            return Intake.PARKED
        order_id, payment_id = found
        order = work.orders.lock(order_id)
        learn_facts(work, order, work.payments.get(order_id, payment_id), facts, f"gateway:{event.provider}")
        return Intake.APPLIED

"""Write that the server took a mail: a fact that holds even when the lease has run out meanwhile."""

from waybill_notifier.domain.delivery import AttemptEnd, Delivery, Move, burn
from waybill_notifier.domain.smtp_replies import SmtpReply
from waybill_notifier.domain.states import State
from waybill_notifier.use_cases.ports import UnitOfWorkFactory


def record_acceptance(delivery_id: str, attempt: int, reply: SmtpReply, unit_of_work: UnitOfWorkFactory) -> Delivery:
    """Close the attempt as `sent` and return the delivery as it was.

    Not fenced by the lease but by the attempt: a worker that took over saw `data_sent` and waits in `uncertain`,
    which this settles. A delivery that is elsewhere by now keeps its state.
    """
    with unit_of_work() as work:
        delivery = work.deliveries.lock(delivery_id)
        work.attempts.finish(delivery_id, attempt, AttemptEnd("sent", reply=reply))
        if delivery.state in {State.SENDING, State.UNCERTAIN}:
            counts = burn(delivery.counts) if delivery.state is State.SENDING else delivery.counts
            work.deliveries.move(delivery, Move(State.SENT, counts=counts))
        return delivery

"""Events as the producers make them."""

from datetime import UTC, datetime, timedelta

from waybill_common.clock import rfc3339
from waybill_common.ids import new_id, uuid7
from waybill_common.messaging import IncomingEvent


def order_data(customer_id, order_id=None, **changes):
    now = datetime.now(UTC)
    return {
        "order_id": order_id or new_id("ord"),
        "number": "W-1001",
        "customer_id": customer_id,
        "status": "pending",
        "payment_status": "unpaid",
        "fulfillment_status": "unfulfilled",
        "currency": "EUR",
        "subtotal": 3998,
        "discount": 0,
        "shipping": 490,
        "tax": 0,
        "total": 4488,
        "captured": 0,
        "refunded": 0,
        "lines": [
            {
                "line": 1,
                "sku": "MUG-1",
                "name": "Mug",
                "quantity": 2,
                "unit_price": 1999,
                "total": 3998,
                "quantity_canceled": 0,
                "quantity_shipped": 0,
            }
        ],
        "version": 1,
        "placed_at": rfc3339(now),
        "expires_at": rfc3339(now + timedelta(minutes=30)),
        "payment": {"id": "pay_1", "amount": 4488, "method": "sandbox", "code": "declined"},
        "refund": {"id": "rfd_1", "amount": 4488, "reason": "broken"},
        "fulfillment": {
            "id": "ful_1",
            "carrier": "DHL",
            "tracking_number": "00340",
            "lines": [{"line": 1, "quantity": 2}],
        },
        **changes,
    }


def event(event_type, data, *, subject=None, time=None, event_id=None):
    return IncomingEvent(
        id=event_id or str(uuid7()),
        type=event_type,
        source=f"/waybill/{event_type.partition('.')[0]}",
        subject=subject or data.get("order_id") or data.get("user_id") or "none",
        sequence=None,
        time=time or datetime.now(UTC),
        data=data,
    )


def mail_requested(user_id, purpose, mail_request_id, life=timedelta(hours=1)):
    data = {
        "mail_request_id": mail_request_id,
        "user_id": user_id,
        "purpose": purpose,
        "expires_at": rfc3339(datetime.now(UTC) + life),
    }
    return event("auth.mail.requested", data)

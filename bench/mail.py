"""Row: from the commit of an order to its mail handed to SMTP, on an idle system of real processes."""

from __future__ import annotations

import statistics
import tempfile
import time
import uuid
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import requests
from waybill_standalone.platform import Platform

from bench.place import ADDRESS
from bench.results import Row, plain

ORDERS = 60
_SKU = "BENCH-MAIL"
_DEADLINE_SECONDS = 60.0
_LOOK_SECONDS = 0.2


def run(_rounds: int, _seconds: float) -> list[Row]:
    """Place orders one after another, each when the mail of the last has arrived."""
    with Platform(Path(tempfile.mkdtemp(prefix="waybill-bench-")), "processes") as platform:
        customer, staff = (_session(platform, name) for name in ("customer", "staff"))
        _stock(platform, staff)
        for _ in range(5):
            _order_and_wait(platform, customer)
        waits = sorted(_order_and_wait(platform, customer) for _ in range(ORDERS))
    p50, p99 = statistics.median(waits), waits[int(0.99 * (len(waits) - 1))]
    return [
        plain("commit to SMTP, idle: p50", p50 * 1000, "<= 30", "ms", ORDERS),
        plain("commit to SMTP, idle: p99", p99 * 1000, "<= 150", "ms", ORDERS),
    ]


def _order_and_wait(platform: Platform, customer: requests.Session) -> float:
    """Return the seconds between the event's row and the server's receipt; both clocks are this machine's."""
    body = {"lines": [{"sku": _SKU, "quantity": 1}], "shipping_address": ADDRESS}
    keyed = {"Idempotency-Key": str(uuid.uuid4())}
    answer = customer.post(f"{platform.urls['orders']}/v1/orders", json=body, headers=keyed)
    answer.raise_for_status()
    order_id = answer.json()["id"]
    committed = _committed_at(platform.database_url("orders"), order_id)
    return (_received_at(platform, order_id) - committed).total_seconds()


def _committed_at(url: str, order_id: str) -> datetime:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT occurred_at FROM event_log WHERE subject = %s AND sequence = 1", (order_id,))
        row: Any = cursor.fetchone()
        committed: datetime = row[0]
        return committed


def _received_at(platform: Platform, order_id: str) -> datetime:
    to = platform.accounts["customer"]["email"]
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline:
        # Not measured, as the receipt carries its own time; and before the question, which is work for the mail
        # catcher, so that the system is idle but for the order.
        time.sleep(_LOOK_SECONDS)
        mails = requests.get(f"{platform.urls['mail']}/api/messages", params={"to": to}, timeout=10).json()
        for mail in reversed(mails):
            if order_id in mail["headers"].get("References", ""):
                return datetime.fromisoformat(mail["received_at"])
    raise TimeoutError(f"no mail for {order_id}")


def _session(platform: Platform, name: str) -> requests.Session:
    answer = requests.post(f"{platform.urls['auth']}/v1/login", json=platform.accounts[name], timeout=30)
    answer.raise_for_status()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def _stock(platform: Platform, staff: requests.Session) -> None:
    product = {"name": "Thing", "unit_price": {"amount": 1999, "currency": "EUR"}, "active": True}
    url = f"{platform.urls['orders']}/v1/products/{_SKU}"
    staff.put(url, json=product).raise_for_status()
    stocked = {"delta": 1_000_000, "reason": "bench"}
    staff.post(f"{url}/stock", json=stocked, headers={"Idempotency-Key": str(uuid.uuid4())}).raise_for_status()

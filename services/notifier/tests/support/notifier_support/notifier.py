"""A notifier for tests: its consumer's handler called by hand, its worker running in a thread."""

import threading
from datetime import timedelta
from functools import partial

import psycopg2
import psycopg2.extras
from waybill_common.ids import new_id
from waybill_notifier.bootstrap.parts import make_service_engine, unit_of_work_factory
from waybill_notifier.config import Settings
from waybill_notifier.consumers.messages import Messages
from waybill_notifier.use_cases.apply_revocation import apply_revocation
from waybill_notifier.use_cases.queue_mail import queue_mail
from waybill_notifier.worker import run_worker
from waybill_testkit.waiting import eventually

from notifier_support.events import event, mail_requested, order_data

SHORT = {
    "smtp_connect_seconds": 0.5,
    "smtp_command_seconds": 0.5,
    "smtp_data_seconds": 0.5,
    "smtp_final_seconds": 0.5,
    "smtp_breaker_seconds": 0.3,
    "smtp_configuration_seconds": 0.3,
    "retry_patient_seconds": "0.1,0.1,0.1,0.1,0.1",
    "retry_short_lived_seconds": "0.1,0.1,0.1",
    "uncertain_seconds": 0.3,
    "worker_lease_seconds": 1,
    "worker_grace_seconds": 5,
}


class Notifier:
    """Hands events in, and reads the ledger; the worker starts with the `with` block unless `works=False`."""

    def __init__(self, database_url, auth, catcher, *, works=True, **changes):
        self.auth = auth
        self.settings = Settings(
            **{
                "database_url": database_url,
                "auth_url": auth.url,
                "public_base_url": "https://shop.example.test",
                "client_id": "svc_notifier",
                "client_secret": "secret",
                "secret_key": "a-key-for-tests-only",
                "smtp_url": catcher.url,
                "mail_from_address": "orders@shop.example.test",
                **SHORT,
                **changes,
            }
        )
        self._works = works
        self._stop = threading.Event()
        self._thread = None
        self.engine = make_service_engine(self.settings, "notifier-test", 4)
        self.unit_of_work = unit_of_work_factory(self.settings, self.engine, "notifier-test")
        self.handle = Messages(
            partial(queue_mail, unit_of_work=self.unit_of_work, mail_domain=self.settings.mail_domain),
            partial(apply_revocation, unit_of_work=self.unit_of_work),
            timedelta(hours=self.settings.order_mail_life_hours),
        ).router()

    def start(self):
        self._stop.clear()
        self._thread = threading.Thread(target=run_worker, args=(self.settings, self._stop), daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()
            self._thread = None

    def customer(self, email, **contact):
        user_id = new_id("usr")
        self.auth.contacts[user_id] = {"email": email, "name": "Ann", "locale": "en", "timezone": "UTC", **contact}
        return user_id

    def order_event(self, email, event_type="orders.order.placed", **changes):
        """Hand in an event of a new customer with this address and return the delivery's id."""
        data = order_data(self.customer(email), **changes)
        return self.hand_in(event(event_type, data))

    def mail_event(self, email, purpose="verify", life=timedelta(hours=1), **request):
        request_id = new_id("mrq")
        self.auth.mail_requests[request_id] = {
            "purpose": purpose,
            "email": email,
            "name": "Ann",
            "locale": "en",
            "link": f"https://shop.example.test/{purpose}#token={request_id}.abc",
            "expires_at": "2030-01-02T03:04:05.000000Z",
            **request,
        }
        return self.hand_in(mail_requested(new_id("usr"), purpose, request_id, life))

    def hand_in(self, incoming):
        self.handle(incoming)
        return self.row("SELECT id FROM delivery WHERE event_id = %s", incoming.id)["id"]

    def rows(self, query, *values):
        connection = psycopg2.connect(self.settings.database_url.get_secret_value())
        try:
            with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(query, values)
                return [dict(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def row(self, query, *values):
        return self.rows(query, *values)[0]

    def delivery(self, delivery_id):
        return self.row("SELECT * FROM delivery WHERE id = %s", delivery_id)

    def attempts(self, delivery_id):
        return self.rows("SELECT * FROM delivery_attempt WHERE delivery_id = %s ORDER BY number", delivery_id)

    def states(self, delivery_id):
        query = "SELECT to_state FROM delivery_transition WHERE delivery_id = %s ORDER BY id"
        return [row["to_state"] for row in self.rows(query, delivery_id)]

    def until(self, delivery_id, *states):
        """Wait until the delivery is in one of these states and return its row."""

        def look():
            row = self.delivery(delivery_id)
            assert row["state"] in states, f"is {row['state']} ({row['reason']}), {self.attempts(delivery_id)}"
            return row

        return eventually(look)

    def __enter__(self):
        if self._works:
            self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.engine.dispose()

"""The money side of orders over HTTP and with its jobs, on a real database and a real gateway."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
from flask import Flask
from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook
from waybill_common.clock import utc_now
from waybill_common.database import DirectPool, Doorbell, EngineOptions, make_engine
from waybill_common.http import ServiceParts, create_service_app
from waybill_common.sessions import Connector, ConnectorOptions
from waybill_common.tokens import Caller, InvalidTokenError
from waybill_orders.gateways.sandbox_gateway import SandboxGateway, SandboxWebhooks
from waybill_orders.repositories.audit import find_violations
from waybill_orders.repositories.money_queries import SqlMoneyQueries
from waybill_orders.repositories.order_desk import SqlOrderDesk
from waybill_orders.repositories.order_queries import PREPARED, SqlOrderQueries
from waybill_orders.repositories.unit_of_work import OrdersUnitOfWork
from waybill_orders.use_cases.expire_orders import expire_orders
from waybill_orders.use_cases.money_ports import PaymentGateway
from waybill_orders.use_cases.return_money import Progress, return_money
from waybill_orders.use_cases.settle_payments import Sweeper, settle_payments
from waybill_orders.views.errors import ORDER_ERRORS
from waybill_orders.views.fulfillments import fulfillments_blueprints
from waybill_orders.views.orders import OrderTerms, orders_blueprint
from waybill_orders.views.payment_answers import JsonMoneyAnswers
from waybill_orders.views.payments import MoneyDesk, payments_blueprints
from waybill_orders.views.refunds import refunds_blueprints
from waybill_orders.views.webhooks import webhooks_blueprint
from waybill_testkit.waiting import eventually

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ANN, BOB = "usr_" + "a" * 32, "usr_" + "b" * 32
STAFF = "usr_" + "5" * 32 + " payments:write orders:refund orders:ship orders:read:all orders:write:all"
Reply = Any  # werkzeug's TestResponse, whose `json` is optional for a type checker and never for these tests
CONTRACTS = {
    f"orders.{folder.name.removesuffix('.v1')}": Draft202012Validator(json.loads((folder / "schema.json").read_text()))
    for folder in (Path(__file__).parents[5] / "contracts/events/orders").iterdir()
}
ADDRESS = {"name": "Ann", "line1": "Road 1", "city": "Bonn", "country": "DE"}


class TokenIsTheCaller:
    """A verifier for tests: the token says who calls and with which scopes."""

    def verify(self, token: str) -> Caller:
        subject, *scopes = token.split()
        if not subject.startswith("usr_"):
            raise InvalidTokenError("no test caller")
        return Caller(
            subject=subject,
            kind="person",
            client_id="web",
            session_id="ses_1",
            scopes=frozenset(scopes),
            roles=(),
            issued_at=0,
            auth_time=0,
            amr=(),
        )


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def reach(gateway_url: str, *, within_seconds: float) -> SandboxGateway:
    """Return the gateway, each call of which is given up after so many seconds and never repeated."""
    bounds = ConnectorOptions(
        read_timeout=within_seconds, deadline_seconds=within_seconds, max_attempts=1, pool_size=20
    )
    return SandboxGateway(Connector("gateway", gateway_url, bounds))


class Shop:
    """One product at 10.00 EUR, a hundred of it, and everything a test needs to do and see."""

    def __init__(self, database_url: str, sandbox_database_url: str, gateway_url: str) -> None:
        self.sandbox_database_url = sandbox_database_url
        self.gateway_was_touched = False
        self.failures: dict[str, Exception] = {}
        options = EngineOptions(application_name="orders-test", pool_size=12, pool_timeout_seconds=20)
        self.engine = make_engine(database_url, options)
        self.direct = DirectPool(database_url, options, prepare=PREPARED)
        self.gateway_url = gateway_url
        self.gateway: PaymentGateway = reach(gateway_url, within_seconds=10)
        self.answers = JsonMoneyAnswers()
        self._doorbell = Doorbell(database_url, "orders-test")
        self.app = self._app()
        self.execute(
            "INSERT INTO products (sku, name, unit_price_minor, currency, active) VALUES ('TEA','Tea',1000,'EUR',true)"
        )
        self.execute("INSERT INTO stock (sku, on_hand) VALUES ('TEA', 100)")
        self.execute("INSERT INTO stock_movements (sku, delta, reason, actor) VALUES ('TEA', 100, 'first', 'test')")

    def _app(self) -> Flask:
        orders = SqlOrderQueries(self.direct)
        desk = MoneyDesk(self.unit_of_work, Swappable(self), self.answers, SqlMoneyQueries(self.engine))
        parts = ServiceParts(
            name="orders",
            registry=CollectorRegistry(),
            verifier=TokenIsTheCaller(),  # type: ignore[arg-type]
            confirm_token=lambda _token: None,
            blueprints=[
                orders_blueprint(
                    lambda: SqlOrderDesk(self.direct, self._doorbell),
                    self.unit_of_work,
                    orders,
                    OrderTerms(channel="web", expiry_minutes=30),
                ),
                *payments_blueprints(desk),
                *refunds_blueprints(desk),
                *fulfillments_blueprints(self.unit_of_work, orders),
                webhooks_blueprint(self.unit_of_work, SandboxWebhooks(SECRET)),
            ],
            domain_errors=ORDER_ERRORS,
        )
        return create_service_app(parts)

    def close(self) -> None:
        self._doorbell.close()
        self.engine.dispose()
        self.direct.close_idle()

    # -- doing --

    def unit_of_work(self) -> OrdersUnitOfWork:
        return OrdersUnitOfWork(self.engine)

    def post(self, path: str, body: Any = None, *, who: str = ANN, key: str | None = None, **headers: str) -> Reply:
        sent = {"Authorization": f"Bearer {who}", "Idempotency-Key": key or secrets.token_hex(8), **headers}
        return self.app.test_client().post(path, json=body, headers=sent)

    def get(self, path: str, *, who: str = ANN, **headers: str) -> Reply:
        return self.app.test_client().get(path, headers={"Authorization": f"Bearer {who}", **headers})

    def place(self, quantity: int = 2, lines: int = 1) -> str:
        body = {"lines": [{"sku": "TEA", "quantity": quantity}] * lines, "shipping_address": ADDRESS}
        answer = self.post("/v1/orders", body)
        assert answer.status_code == 201, answer.json
        return str(answer.json["id"])

    def pay(self, order_id: str, token: str = "tok_approve", *, key: str | None = None, **members: Any) -> Reply:
        body = {"method": {"type": "sandbox", "token": token}, **members}
        if token.startswith("tok_timeout"):
            with self._impatience():
                return self.post(f"/v1/orders/{order_id}/payments", body, key=key)
        return self.post(f"/v1/orders/{order_id}/payments", body, key=key)

    @contextmanager
    def _impatience(self) -> Iterator[None]:
        """Give the gateway up soon; what it charges all the same is there at the end, so that a test can find it."""
        patient, self.gateway = self.gateway, reach(self.gateway_url, within_seconds=0.5)
        try:
            yield
        finally:
            self.gateway = patient
        awaited = "SELECT id FROM payments WHERE method ->> 'token' = 'tok_timeout'"
        eventually(lambda: len(self.charges()) >= len(self.rows(awaited)))

    def paid_order(self, quantity: int = 2, lines: int = 1, **members: Any) -> tuple[str, str]:
        order_id = self.place(quantity, lines)
        answer = self.pay(order_id, **members)
        assert answer.status_code == 201, answer.json
        return order_id, str(answer.json["id"])

    def command(self, order_id: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Reply:
        return self.post(f"/v1/orders/{order_id}/{path}", body, who=STAFF, key=key, **headers)

    def ship(self, order_id: str, *lines: tuple[int, int], version: int | None = None, key: str | None = None) -> Reply:
        body: dict[str, Any] = {"carrier": "DHL", "tracking_number": "T1"}
        if lines:
            body["lines"] = [{"line": line, "quantity": quantity} for line, quantity in lines]
        current = self.order(order_id)["version"] if version is None else version
        return self.command(order_id, "fulfillments", body, key=key, **{"If-Match": f'"{current}"'})

    def post_to_gateway(self, path: str, body: Any = None, *, key: str | None = None) -> None:
        """Do something at the gateway itself, behind the service's back."""
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        requests.post(self.gateway_url + path, json=body, headers=headers, timeout=10).raise_for_status()

    def hook(
        self,
        body: bytes,
        *,
        event_id: str = "msg_1",
        secret: str = SECRET,
        at: datetime | None = None,
        sent: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a webhook signed over `body` at `at`; `sent` is what arrives instead."""
        moment = at or utc_now()
        signed = {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(event_id, moment, body.decode()),
        }
        path = "/v1/webhooks/payments/sandbox"
        return self.app.test_client().post(path, data=sent or body, headers={**signed, **(headers or {})})

    def deliver_webhooks(self, *, newest_first: bool = False) -> list[str]:
        """Send every webhook that the gateway has written, as it would; return what became of each."""
        engine = make_engine(self.sandbox_database_url, EngineOptions(application_name="webhooks-test"))
        with engine.connect() as connection:
            waiting = list(connection.execute(sa.text("SELECT id, body FROM webhooks ORDER BY position")))
        engine.dispose()
        answers = [
            self.hook(row.body.encode(), event_id=row.id) for row in (waiting[::-1] if newest_first else waiting)
        ]
        return [answer.json.get("code") or answer.json["status"] for answer in answers]

    def sweep(self) -> int:
        """Let every lease run out, then sweep until nothing is due."""
        self.execute("UPDATE payments SET lease_until = now() WHERE operation IS NOT NULL")
        self.execute("UPDATE refunds SET lease_until = now() WHERE status = 'pending'")
        return settle_payments(Sweeper(self.unit_of_work, self.gateway, self.answers, self._failed))

    def _failed(self, command_id: str, error: Exception) -> None:
        self.failures[command_id] = error

    def return_money(self, order_id: str) -> Progress:
        return return_money(order_id, self.unit_of_work, self.gateway, self.answers)

    def expire(self, order_id: str) -> int:
        past = "UPDATE orders SET expires_at = now() - interval '1 hour', payment_pending_until = NULL WHERE id = :id"
        self.execute(past, id=order_id)
        return expire_orders(self.unit_of_work)

    # -- seeing --

    def execute(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql), values)

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(sql), values))

    def order(self, order_id: str) -> dict[str, Any]:
        answer = self.get(f"/v1/orders/{order_id}")
        assert answer.status_code == 200, answer.json
        return dict(answer.json)

    def payment(self, order_id: str, payment_id: str) -> dict[str, Any]:
        return dict(self.get(f"/v1/orders/{order_id}/payments/{payment_id}").json)

    def events(self, order_id: str) -> list[str]:
        rows = self.rows("SELECT type FROM event_log WHERE subject = :id ORDER BY sequence", id=order_id)
        return [row.type.removeprefix("orders.") for row in rows]

    def charges(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.gateway_url}/log", timeout=10).json()["data"])

    def jobs(self, kind: str) -> int:
        return len(self.rows("SELECT 1 FROM job WHERE kind = :kind AND state = 'pending'", kind=kind))

    def audit(self) -> None:
        """Nothing is out of balance here, and the gateway's log says the same."""
        assert list(find_violations(self.engine)) == []
        assert self.failures == {}
        for row in self.rows("SELECT type, data FROM event_log"):
            CONTRACTS[row.type].validate(row.data)
        if self.gateway_was_touched:
            return
        here = {row.gateway_charge_id: row for row in self.rows("SELECT * FROM payments")}
        for charge in self.charges():
            known = here.get(charge["id"])
            if known is not None and known.operation is None:
                told = (charge["captured"]["amount"], charge["refunded"]["amount"])
                assert (known.captured_minor, known.refunded_minor) == told, charge


class Swappable:
    """The shop's gateway of the moment, so that a test may put a misbehaving one in its place."""

    name = "sandbox"

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._shop.gateway, name)  # type: ignore[no-any-return]

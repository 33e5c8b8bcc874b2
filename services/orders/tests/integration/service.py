"""The orders service on a real database, called through its WSGI application."""

import itertools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
import sqlalchemy as sa
from flask import Flask
from waybill_common.database import libpq_url
from waybill_common.tokens import Caller, InvalidTokenError
from waybill_orders.app import create_app
from waybill_orders.bootstrap import WebParts, audit_database, build_blueprints, build_jobs, lay_foundation
from waybill_orders.config import Settings
from waybill_orders.use_cases.expire_orders import expire_orders
from werkzeug.test import TestResponse

ANN, BOB = "usr_ann", "usr_bob"
KEEPER = "usr_keeper catalog:write stock:write"
STAFF = "usr_staff orders:read:all orders:write:all"
ADDRESS = {"name": "Ann", "line1": "Road 1", "city": "Bonn", "country": "DE"}


class TokenIsTheCaller:
    """A verifier for tests: the token says who calls and with which scopes."""

    def verify(self, token: str) -> Caller:
        subject, *scopes = token.split()
        if not subject.startswith(("usr_", "svc_")):
            raise InvalidTokenError("no test caller")
        kind = "person" if subject.startswith("usr_") else "service"
        return Caller(subject, kind, "web", "ses_1", frozenset(scopes), (), 0, None, ())


class Service:
    """One web process of orders, and everything a test needs to do and see."""

    def __init__(self, database_url: str, **settings: Any) -> None:
        self.url = database_url
        self.settings = Settings.model_validate({"database_url": database_url, "database_pool_size": 16, **settings})
        self.foundation = lay_foundation(self.settings, "test")
        self.app = self._app()
        self.engine = self.foundation.engine
        self.numbers = itertools.count(1)

    def _app(self) -> Flask:
        parts = WebParts(
            foundation=self.foundation,
            verifier=TokenIsTheCaller(),  # type: ignore[arg-type]
            confirm_token=lambda _token: None,
            blueprints=build_blueprints(self.foundation),
            ready_checks={},
        )
        return create_app(parts)

    def close(self) -> None:
        self.foundation.close()

    # Calls

    def call(self, method: str, path: str, token: str | None = ANN, **options: Any) -> TestResponse:
        """Call a route; `key=None` leaves the key out, no `key` makes a new one for a POST."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        key = options.pop("key", str(uuid.uuid4()) if method == "POST" else None)
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.app.test_client().open(path, method=method, headers=headers, **options)

    def place(self, *lines: tuple[str, int], token: str = ANN, key: str | None = None, **body: Any) -> TestResponse:
        given = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], "shipping_address": ADDRESS}
        return self.call("POST", "/v1/orders", token, json=given | body, key=key or str(uuid.uuid4()))

    def placed(self, *lines: tuple[str, int], token: str = ANN, **body: Any) -> dict[str, Any]:
        """Return the body of an order that was placed."""
        response = self.place(*lines, token=token, **body)
        assert response.status_code == 201, response.text
        order: dict[str, Any] = response.json
        return order

    def order(self, order_id: str, token: str = ANN) -> dict[str, Any]:
        response = self.call("GET", f"/v1/orders/{order_id}", token)
        assert response.status_code == 200, response.text
        order: dict[str, Any] = response.json
        return order

    def product(self, sku: str, *, price: int = 1000, stock: int = 100, currency: str = "EUR") -> None:
        """Put a product on the shelf through the API."""
        body = {"name": f"Product {sku}", "unit_price": {"amount": price, "currency": currency}, "active": True}
        assert self.call("PUT", f"/v1/products/{sku}", KEEPER, json=body).status_code in {200, 201}
        if stock:
            self.stock(sku, stock)

    def stock(self, sku: str, delta: int) -> TestResponse:
        return self.call("POST", f"/v1/products/{sku}/stock", KEEPER, json={"delta": delta, "reason": "delivery"})

    def level(self, sku: str) -> tuple[int, int]:
        """Return (on_hand, reserved)."""
        row = self.rows("SELECT on_hand, reserved FROM stock WHERE sku = :sku", sku=sku)[0]
        return row["on_hand"], row["reserved"]

    def events(self, subject: str) -> list[str]:
        rows = self.rows("SELECT type FROM event_log WHERE subject = :subject ORDER BY position", subject=subject)
        return [row["type"].removeprefix("orders.") for row in rows]

    def expire(self) -> int:
        return expire_orders(self.foundation.unit_of_work)

    def jobs(self) -> Mapping[str, Any]:
        return build_jobs(self.foundation)[0]

    def audit(self) -> list[str]:
        """Return the names of the invariants that are broken."""
        return [name for name, _ in audit_database(self.settings)]

    # Database

    def rows(self, sql: str, **values: Any) -> list[Mapping[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(sql), values).mappings()]

    def execute(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql), values)

    def count(self, table: str) -> int:
        number: int = self.rows(f"SELECT count(*) AS number FROM {table}")[0]["number"]
        return number

    @contextmanager
    def other_session(self) -> Iterator[Any]:
        """Give a cursor of a transaction beside the service's, rolled back at the end."""
        connection = psycopg2.connect(libpq_url(self.url))
        try:
            yield connection.cursor()
        finally:
            connection.rollback()
            connection.close()


def code_of(response: TestResponse) -> tuple[int, str]:
    """Return the status and the problem's code."""
    assert response.content_type == "application/problem+json", response.text
    return response.status_code, response.json["code"]

"""The floors of the HTTP rows: minimal Flask views over psycopg2, with the same writes and the same query.

Run by gunicorn as `bench.floor_app:create()`, two gthread workers with four threads, as the service is.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import orjson
import psycopg2
from flask import Flask, Response, request
from waybill_common.tokens import Verifier, VerifierSettings, jwks_keys
from waybill_orders.models.orders import SELECT_ORDERS

_READ = f"{SELECT_ORDERS} WHERE o.id = %s AND o.customer_id = %s"


def create() -> Flask:
    """Return the application: one connection a thread, no error handling, no log."""
    app = Flask("floor")
    local = threading.local()
    url = os.environ["WAYBILL_ORDERS_DATABASE_URL"]  # noqa: TID251 - a program of its own
    keys = jwks_keys(os.environ["WAYBILL_JWKS_URL"])  # noqa: TID251 - as above
    verifier = Verifier(VerifierSettings("http://127.0.0.1:8081", "orders"), keys, None)

    def fetch(statement: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not hasattr(local, "connection"):
            local.connection = psycopg2.connect(url)
            local.connection.autocommit = True
            with local.connection.cursor() as cursor:
                cursor.execute(f"PREPARE read_order (text, text) AS {_READ}" % ("$1", "$2"))
        with local.connection.cursor() as cursor:
            cursor.execute(statement, values)
            row: tuple[Any, ...] = cursor.fetchone()
            return row

    @app.get("/openapi.json")
    def ready() -> Response:
        return Response(b"{}")

    @app.post("/place")
    def place() -> Response:
        fetch("SELECT place_order(%s::jsonb)", (request.get_data().decode(),))
        return Response(orjson.dumps({"id": request.headers["X-Order"]}), 201, content_type="application/json")

    @app.get("/read/<order_id>")
    def read(order_id: str) -> Response:
        caller = verifier.verify(request.headers["Authorization"].removeprefix("Bearer "))
        row = fetch(_READ, (order_id, caller.subject))
        return Response(orjson.dumps(row), content_type="application/json")

    @app.get("/read-prepared/<order_id>")
    def read_prepared(order_id: str) -> Response:
        caller = verifier.verify(request.headers["Authorization"].removeprefix("Bearer "))
        row = fetch("EXECUTE read_order (%s, %s)", (order_id, caller.subject))
        return Response(orjson.dumps(row), content_type="application/json")

    return app

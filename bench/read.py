"""Row: read an order over HTTP with its token verified, beside a bare Flask view with the same query and check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg2

from bench.load import request, run_load
from bench.place import service_request
from bench.results import Row, paired
from bench.spells import CLIENTS, Served, in_turn, warm
from bench.stage import gunicorn, orders_stage


def run(rounds: int, seconds: float) -> list[Row]:
    """Place some orders, then read them in turn through service and floor."""
    with orders_stage() as stage, gunicorn("waybill_orders.wsgi:create()", stage) as (port, master):
        run_load(port, service_request(stage.token), clients=CLIENTS, seconds=1.0)
        ids = _ids(stage.database_url)
        with gunicorn("bench.floor_app:create()", stage) as (floor_port, floor_master):
            ours = Served(port, _reader("/v1/orders", ids, stage.token), 200, (master,))
            bare = Served(floor_port, _reader("/read", ids, stage.token), 200, (floor_master,))
            prepared = replace(bare, make=_reader("/read-prepared", ids, stage.token))
            warm(ours, bare, prepared)
            rates, _ = in_turn(ours, bare, rounds, seconds)
            beside_prepared, _ = in_turn(ours, prepared, rounds, seconds)
    return [
        paired("read", rates, ">= 0.80", "reads/s"),
        paired("read: beside a floor that prepares its statement, too", beside_prepared, "published", "reads/s"),
    ]


def _reader(path: str, ids: list[str], token: str) -> Callable[[], bytes]:
    headers = {"Authorization": f"Bearer {token}"}
    requests = [request("GET", f"{path}/{one}", headers) for one in ids]
    turn = 0

    def make() -> bytes:
        nonlocal turn
        turn += 1
        return requests[turn % len(requests)]

    return make


def _ids(url: str) -> list[str]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM orders ORDER BY id LIMIT 200")
            return [row[0] for row in cursor.fetchall()]
    finally:
        connection.close()

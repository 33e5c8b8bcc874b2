"""Row: read an order over HTTP with its token verified, beside a bare Flask view with the same query and check."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2

from bench.load import request, run_load
from bench.place import CLIENTS, service_request
from bench.results import Row, paired
from bench.stage import gunicorn, orders_stage


def run(rounds: int, seconds: float) -> list[Row]:
    """Place some orders, then read them in turn through service and floor."""
    with orders_stage() as stage, gunicorn("waybill_orders.wsgi:create()", stage) as (port, _):
        run_load(port, service_request(stage.token), clients=CLIENTS, seconds=1.0)
        ids = _ids(stage.database_url)
        with gunicorn("bench.floor_app:create()", stage) as (floor_port, _):
            ours, bare = _reader("/v1/orders", ids, stage.token), _reader("/read", ids, stage.token)
            for warm_port, make in ((port, ours), (floor_port, bare)):
                run_load(warm_port, make, clients=CLIENTS, seconds=1.0)
            pairs = [(_rate(port, ours, seconds), _rate(floor_port, bare, seconds)) for _ in range(rounds)]
    return [paired("read", pairs, ">= 0.80", "reads/s")]


def _rate(port: int, make: Callable[[], bytes], seconds: float) -> float:
    outcome = run_load(port, make, clients=CLIENTS, seconds=seconds)
    if set(outcome.statuses) != {200}:
        raise RuntimeError(f"not every read was answered: {outcome.statuses}")
    return outcome.rate


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

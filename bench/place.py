"""Row: place an order of two lines over HTTP, 8 clients, beside a bare Flask view with the same writes."""

from __future__ import annotations

import random
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psutil
from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.ids import uuid7
from waybill_orders.domain.change import Change
from waybill_orders.domain.placement import Price, Quote, Wanted, Wish
from waybill_orders.models.placement import placement_json
from waybill_orders.use_cases.place_order import PlaceOrder, place_order
from waybill_orders.use_cases.ports import OrderDesk
from waybill_orders.views.representation import placed_answer

from bench.load import request
from bench.results import Row, paired, plain
from bench.spells import CLIENTS, Served, in_turn, warm
from bench.stage import SKUS, Stage, gunicorn, orders_stage

ADDRESS = {"name": "Bench", "line1": "1 Ratio Road", "city": "Seoul", "postal_code": "04524", "country": "KR"}
_KEY, _SKU_A, _SKU_B = "00000000-0000-4000-8000-00000000c0de", "SKU-A", "SKU-B"


def run(rounds: int, seconds: float) -> list[Row]:
    """Measure service and floor in turn; also pgbench of the same function, and the CPU of an order."""
    with orders_stage() as stage:
        with (
            gunicorn("waybill_orders.wsgi:create()", stage) as service,
            gunicorn("bench.floor_app:create()", stage) as floor,
        ):
            postgres = psutil.Process(stage.postgres.pid)
            ours = Served(service[0], service_request(stage.token), 201, (service[1], postgres))
            bare = Served(floor[0], FloorRequests(), 201, (floor[1], postgres))
            warm(ours, bare)
            rates, costs = in_turn(ours, bare, rounds, seconds)
        bench = pgbench(stage, seconds)
    return [
        paired("place", rates, ">= 0.60", "orders/s"),
        paired("place CPU (service + PostgreSQL)", costs, "<= 1.60", "ms/order"),
        plain("place: pgbench of the same function, 8 clients", bench, "-", "orders/s"),
    ]


def service_request(token: str) -> Any:
    """Return a maker of keyed requests as a client sends them."""
    headers = {"Authorization": f"Bearer {token}"}

    def make() -> bytes:
        first, second = random.sample(range(SKUS), 2)
        lines = [{"sku": f"SKU-{first}", "quantity": 1}, {"sku": f"SKU-{second}", "quantity": 2}]
        body = orjson.dumps({"lines": lines, "shipping_address": ADDRESS})
        return request("POST", "/v1/orders", {**headers, "Idempotency-Key": str(uuid.uuid4())}, body)

    return make


class FloorRequests:
    """Whole commands of `place_order`, made from one that the service built: the floor computes nothing itself."""

    def __init__(self) -> None:
        self.template = _template()

    def __call__(self) -> bytes:
        """Return the next request."""
        order_id, body = self.command()
        return request("POST", "/place", {"X-Order": order_id}, body)

    def command(self) -> tuple[str, bytes]:
        """Return a fresh order id and its command."""
        order_id = f"ord_{uuid7().hex}"
        first, second = sorted(random.sample(range(SKUS), 2), key=lambda number: f"SKU-{number}")
        body = self.template
        for old, new in (
            ("ord_0", order_id),
            (_KEY, str(uuid.uuid4())),
            ("EVENT-1", str(uuid7())),
            ("EVENT-2", str(uuid7())),
            ("EVENT-3", str(uuid7())),
            (_SKU_A, f"SKU-{first}"),
            (_SKU_B, f"SKU-{second}"),
            ("NUMBER", order_id[4:]),
        ):
            body = body.replace(old, new)
        return order_id, body.encode()


def pgbench(stage: Stage, seconds: float) -> float:
    """Return the orders a second of the function alone, called by pgbench with 8 clients and random keys."""
    template = FloorRequests().template.replace("'", "''")
    for old, new in (
        ("ord_0", "ord_' || :n || '"),
        (_KEY, "' || :n || '"),
        ("NUMBER", "' || :n || '"),
        (_SKU_A, "SKU-1' || :a || '"),
        (_SKU_B, "SKU-2' || :b || '"),
    ):
        template = template.replace(old, new)
    for event in ("EVENT-1", "EVENT-2", "EVENT-3"):
        template = template.replace(event, "' || gen_random_uuid() || '")
    script = "\\set n random(1, 9000000000000000)\n\\set a random(10, 99)\n\\set b random(10, 99)\n"
    script += f"SELECT place_order(('{template}')::jsonb);\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [stage.postgres.binary("pgbench"), "-n", "-T", str(int(seconds)), "-c", str(CLIENTS), "-j", "2"]
        done = subprocess.run(
            [*command, "-f", file.name, stage.database_url], capture_output=True, text=True, check=True, cwd=Path("/")
        )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("tps = ")]
    return float(line.split()[2])


class _CapturingDesk:
    """Stands in for the database once, to get a command that the service itself built."""

    command = b""

    def __enter__(self) -> OrderDesk:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def quote(self, channel: str, skus: Sequence[str]) -> Quote:  # noqa: ARG002 - the port's own names
        prices = {sku: Price(sku, "Thing", 1999, "EUR", True) for sku in skus}
        return Quote(datetime.now(UTC), "NUMBER", None, prices)

    def place(self, change: Change, key: KeyRequest, answer: Answer, note: str | None) -> bool:
        self.command = placement_json(change, key, answer, note)
        return True

    def replay(self, request: KeyRequest) -> None:  # noqa: ARG002 - as above
        return None


def _template() -> str:
    desk = _CapturingDesk()
    wish = Wish(
        order_id="ord_0",
        channel="web",
        customer_id="usr_bench",
        lines=[Wanted(_SKU_A, 1), Wanted(_SKU_B, 2)],
        shipping_address=ADDRESS,
    )
    key = KeyRequest("usr_bench POST /v1/orders", _KEY, b"\x00" * 32)
    place_order(PlaceOrder(wish=wish, key=key, note=None, expiry_minutes=30), lambda: desk, placed_answer)
    command = orjson.loads(desk.command)
    text = desk.command.decode()
    ids = [event["id"] for event in command["events"]] + [item["event_id"] for item in command["stock"]]
    for number, one in enumerate(ids, start=1):
        text = text.replace(one, f"EVENT-{number}")
    return text

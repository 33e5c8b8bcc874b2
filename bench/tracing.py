"""Rows: what traces cost the place path, sampled as shipped, in full, and into a black hole, beside tracing off."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from waybill_testkit.collector import BlackHole
from waybill_testkit.waiting import eventually, free_port

from bench.place import service_request
from bench.results import Row, paired
from bench.spells import Served, in_turn, warm
from bench.stage import Stage, gunicorn, orders_stage

SHIPPED = "0.05"


def run(rounds: int, seconds: float) -> list[Row]:
    """Measure the same service in turn, differing in nothing but its traces; the first row shows the run's noise."""
    rows = []
    with ExitStack() as started:
        stage = started.enter_context(orders_stage())
        collector, hole = started.enter_context(_collector()), started.enter_context(BlackHole())
        off = _serve(started, stage, "", SHIPPED)
        others = {
            "tracing off, once more": _serve(started, stage, "", SHIPPED),
            "tracing sampled 0.05": _serve(started, stage, collector, SHIPPED),
            "tracing sampled 0.05 into a black hole": _serve(started, stage, hole.url, SHIPPED),
            "tracing full": _serve(started, stage, collector, "1"),
        }
        warm(off, *others.values())
        for name, served in others.items():
            rates, costs = in_turn(served, off, rounds, seconds)
            targets = (">= 0.95", "<= 1.05") if SHIPPED in name else ("published", "published")
            rows.append(paired(f"place: {name}", rates, targets[0], "orders/s"))
            rows.append(paired(f"place CPU (service): {name}", costs, targets[1], "ms/order"))
    return rows


def _serve(started: ExitStack, stage: Stage, endpoint: str, sampling: str) -> Served:
    settings = {"WAYBILL_TRACES_ENDPOINT": endpoint, "WAYBILL_TRACES_SAMPLING": sampling}
    port, master = started.enter_context(gunicorn("waybill_orders.wsgi:create()", stage, settings=settings))
    return Served(port, service_request(stage.token), 201, (master,))


@contextmanager
def _collector() -> Iterator[str]:
    """Run a collector as a process of its own, as it would be one, and yield its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.swallow", str(port)])
    try:
        eventually(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""Rows: what traces cost the place path, sampled as shipped, in full, and into a black hole, beside tracing off."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psutil
from waybill_testkit.collector import BlackHole
from waybill_testkit.waiting import eventually, free_port

from bench.load import run_load
from bench.place import CLIENTS, service_request
from bench.results import Row, paired
from bench.stage import Stage, cpu_seconds, gunicorn, orders_stage

SHIPPED = "0.05"


@dataclass
class _Served:
    """A service under load: where it listens, its processes, and what it has done in this round."""

    port: int
    master: psutil.Process
    orders: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def work(self, make: Callable[[], bytes], seconds: float) -> None:
        """Add orders, time and CPU of a spell of load."""
        before = cpu_seconds(self.master)
        outcome = run_load(self.port, make, clients=CLIENTS, seconds=seconds)
        if set(outcome.statuses) != {201}:
            raise RuntimeError(f"not every order was placed: {outcome.statuses}")
        self.orders += len(outcome.latencies)
        self.seconds += outcome.seconds
        self.cpu += cpu_seconds(self.master) - before

    def take(self) -> tuple[float, float]:
        """Return orders a second and milliseconds of the service's CPU for each, and begin anew."""
        taken = self.orders / self.seconds, self.cpu * 1000 / self.orders
        self.orders, self.seconds, self.cpu = 0, 0.0, 0.0
        return taken


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
        make = service_request(stage.token)
        for served in (off, *others.values()):
            served.work(make, 2.0)  # warm: plans, pools, caches
            served.take()
        for name, served in others.items():
            pairs = [_compare(served, off, make, seconds) for _ in range(rounds)]
            rates, costs = ([(value[i], floor[i]) for value, floor in pairs] for i in (0, 1))
            targets = (">= 0.95", "<= 1.05") if SHIPPED in name else ("published", "published")
            rows.append(paired(f"place: {name}", rates, targets[0], "orders/s"))
            rows.append(paired(f"place CPU (service): {name}", costs, targets[1], "ms/order"))
    return rows


def _compare(
    served: _Served, floor: _Served, make: Callable[[], bytes], seconds: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Measure both in turn, a second each: the difference is a few percent, and a machine's mood lasts for seconds."""
    for spell in range(max(1, round(seconds))):
        for each in (served, floor) if spell % 2 else (floor, served):
            each.work(make, 1.0)
    return served.take(), floor.take()


def _serve(started: ExitStack, stage: Stage, endpoint: str, sampling: str) -> _Served:
    settings = {"WAYBILL_TRACES_ENDPOINT": endpoint, "WAYBILL_TRACES_SAMPLING": sampling}
    return _Served(*started.enter_context(gunicorn("waybill_orders.wsgi:create()", stage, settings=settings)))


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

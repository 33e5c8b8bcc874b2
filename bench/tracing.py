"""Rows: what traces cost the place path, sampled as shipped, in full, and into a black hole, beside tracing off."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from waybill_testkit.collector import BlackHole
from waybill_testkit.waiting import eventually, free_port

from bench.load import run_load
from bench.place import CLIENTS, service_request
from bench.results import Row, paired
from bench.stage import Stage, gunicorn, orders_stage

SHIPPED = "0.05"


def run(rounds: int, seconds: float) -> list[Row]:
    """Measure the same service four times in turn, differing in nothing but its traces."""
    with ExitStack() as started:
        stage = started.enter_context(orders_stage())
        collector, hole = started.enter_context(_collector()), started.enter_context(BlackHole())
        off = _serve(started, stage, "", SHIPPED)
        traced = {
            "place: tracing sampled 0.05": (_serve(started, stage, collector, SHIPPED), ">= 0.95"),
            "place: tracing sampled 0.05 into a black hole": (
                _serve(started, stage, hole.url, SHIPPED),
                ">= 0.95",
            ),
            "place: tracing full": (_serve(started, stage, collector, "1"), "published"),
        }
        make = service_request(stage.token)
        for port in (off, *(port for port, _ in traced.values())):
            run_load(port, make, clients=CLIENTS, seconds=2.0)  # warm: plans, pools, caches
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in traced}
        for _ in range(rounds):
            for name, (port, _) in traced.items():
                # Each beside a floor of its own: a busy minute of the machine hits both.
                floor = _rate(off, make, seconds)
                rates[name].append((_rate(port, make, seconds), floor))
    return [paired(name, rates[name], target, "orders/s") for name, (_, target) in traced.items()]


def _serve(started: ExitStack, stage: Stage, endpoint: str, sampling: str) -> int:
    settings = {"WAYBILL_TRACES_ENDPOINT": endpoint, "WAYBILL_TRACES_SAMPLING": sampling}
    port, _ = started.enter_context(gunicorn("waybill_orders.wsgi:create()", stage, settings=settings))
    return port


def _rate(port: int, make: Callable[[], bytes], seconds: float) -> float:
    outcome = run_load(port, make, clients=CLIENTS, seconds=seconds)
    if set(outcome.statuses) != {201}:
        raise RuntimeError(f"not every order was placed: {outcome.statuses}")
    return outcome.rate


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

"""A service and its floor under load in turn, a second each: a shared machine's mood lasts for seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psutil

from bench.load import run_load
from bench.stage import cpu_seconds

CLIENTS = 8


@dataclass
class Served:
    """What is loaded: where it listens, what is asked, the answer it must give, and the processes whose CPU counts."""

    port: int
    make: Callable[[], bytes]
    status: int
    processes: tuple[psutil.Process, ...]
    requests: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def work(self, seconds: float) -> None:
        """Add requests, time and CPU of a spell of load; raises RuntimeError for any other answer."""
        before = cpu_seconds(*self.processes)
        outcome = run_load(self.port, self.make, clients=CLIENTS, seconds=seconds)
        if set(outcome.statuses) != {self.status}:
            raise RuntimeError(f"not every answer was {self.status}: {outcome.statuses}")
        self.requests += len(outcome.latencies)
        self.seconds += outcome.seconds
        self.cpu += cpu_seconds(*self.processes) - before

    def take(self) -> tuple[float, float]:
        """Return requests a second and milliseconds of CPU for each, and begin anew."""
        taken = self.requests / self.seconds, self.cpu * 1000 / self.requests
        self.requests, self.seconds, self.cpu = 0, 0.0, 0.0
        return taken


Pairs = list[tuple[float, float]]


def in_turn(served: Served, floor: Served, rounds: int, seconds: float) -> tuple[Pairs, Pairs]:
    """Return (value, floor) of the rate and of the CPU for each round, of so many seconds on either side."""
    rates, costs = [], []
    for _ in range(rounds):
        for spell in range(max(1, round(seconds))):
            for each in (served, floor) if spell % 2 else (floor, served):
                each.work(1.0)
        (rate, cost), (floor_rate, floor_cost) = served.take(), floor.take()
        rates.append((rate, floor_rate))
        costs.append((cost, floor_cost))
    return rates, costs


def warm(*all_served: Served) -> None:
    """Fill plans, pools and caches before anything counts."""
    for served in all_served:
        served.work(2.0)
        served.take()

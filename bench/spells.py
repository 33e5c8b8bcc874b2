"""A service and its floor under load in turn, a second each: a shared machine's mood lasts for seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psutil

from bench.load import run_load
from bench.stage import cpu_seconds

CLIENTS = 8


@dataclass(frozen=True)
class Served:
    """What is loaded: where it listens, what is asked, the answer it must give, and the processes whose CPU counts."""

    port: int
    make: Callable[[], bytes]
    status: int
    processes: tuple[psutil.Process, ...]

    def work(self, seconds: float) -> tuple[float, float]:
        """Return requests a second and milliseconds of CPU for each; raises RuntimeError for any other answer."""
        before = cpu_seconds(*self.processes)
        outcome = run_load(self.port, self.make, clients=CLIENTS, seconds=seconds)
        if set(outcome.statuses) != {self.status}:
            raise RuntimeError(f"not every answer was {self.status}: {outcome.statuses}")
        cpu = cpu_seconds(*self.processes) - before
        return outcome.rate, cpu * 1000 / len(outcome.latencies)


Pairs = list[tuple[float, float]]


def in_turn(served: Served, floor: Served, rounds: int, seconds: float) -> tuple[Pairs, Pairs]:
    """Return (value, floor) of the rate and of the CPU for each pair of spells, rounds × seconds of them.

    The clients connect anew for each. Now and then one gunicorn worker takes all connections and the other rests; a
    median of many pairs shows what is usual, a mean would show how often that happened to either side.
    """
    rates, costs = [], []
    for spell in range(max(1, round(rounds * seconds))):
        done = {id(each): each.work(1.0) for each in ((served, floor) if spell % 2 else (floor, served))}
        (rate, cost), (floor_rate, floor_cost) = done[id(served)], done[id(floor)]
        rates.append((rate, floor_rate))
        costs.append((cost, floor_cost))
    return rates, costs


def warm(*all_served: Served) -> None:
    """Fill plans, pools and caches before anything counts."""
    for served in all_served:
        served.work(2.0)

"""Which faults, in which order, with which pauses: all of it from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

Aim = tuple[str, str, str, int]
"""Action, role of the victim or name of the window, service or "" for any, how often it is drawn."""

_MENU: list[Aim] = [
    ("kill", "web", "", 2),
    ("kill", "web-worker", "orders", 4),
    ("kill", "web-worker", "auth", 1),
    ("kill", "web-worker", "notifier", 1),
    ("kill", "relay", "", 3),
    ("kill", "consumer", "", 3),
    ("kill", "worker", "", 3),
    ("kill", "gateway", "", 1),
    ("stop", "web", "", 1),
    ("stop", "web-worker", "orders", 2),
    ("stop", "gateway", "", 1),
    ("stop", "postgres", "", 1),
    ("stop", "rabbitmq", "", 1),
    ("stop", "relay", "", 2),
    ("stop", "consumer", "", 2),
    ("stop", "worker", "", 2),
    ("window", "web.after_commit", "orders", 5),
    ("window", "relay.after_confirm", "", 5),
    ("window", "consumer.after_commit", "", 5),
    ("window", "worker.after_data_sent", "", 4),
    ("kill", "postgres", "", 2),
    ("restart", "postgres", "", 1),
    ("kill", "rabbitmq", "", 2),
    ("restart", "rabbitmq", "", 1),
]
_SERVER_PAUSE_SECONDS = 6.0


@dataclass(frozen=True)
class Fault:
    """One fault: `kill` (SIGKILL), `stop` (SIGSTOP, then SIGCONT), `window` (death at a named point), `restart`."""

    action: str
    target: str
    service: str
    seconds: float
    pause_after: float
    pick: float

    def __str__(self) -> str:
        """Say it in the report's words."""
        where = f"{self.service} {self.target}".strip()
        return f"{self.action} {where}" + (f" for {self.seconds:.1f} s" if self.action == "stop" else "")


def make_plan(count: int, seed: int, only: Aim | None = None) -> list[Fault]:
    """Return `count` faults; the first ones visit every line of the menu once, in an order of the seed."""
    chance = random.Random(seed)
    if only is not None:
        return [_fault(only, chance) for _ in range(count)]
    first = chance.sample(_MENU, len(_MENU))
    rest = chance.choices(_MENU, weights=[line[3] for line in _MENU], k=max(0, count - len(first)))
    return [_fault(line, chance) for line in (first + rest)[:count]]


def _fault(line: Aim, chance: random.Random) -> Fault:
    action, target, service, _ = line
    pause = chance.uniform(0.3, 2.0) + (_SERVER_PAUSE_SECONDS if target in {"postgres", "rabbitmq"} else 0.0)
    return Fault(action, target, service, chance.uniform(0.5, 5.0), pause, chance.random())

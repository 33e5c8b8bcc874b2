"""One run of the crash suite: start the real processes, order, break things, wait for rest, judge."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

import pika.exceptions
import psycopg2
import requests
from waybill_standalone.platform import Platform

from tests.chaos.accounts import make_customers
from tests.chaos.api import Account, Caller
from tests.chaos.checker import check
from tests.chaos.facts import Sources, read_facts, unrest
from tests.chaos.history import Command, History
from tests.chaos.injector import Injector
from tests.chaos.plan import Aim, Fault, make_plan
from tests.chaos.report import Run
from tests.chaos.shoppers import SCARCE, SCARCE_STOCK, SKUS, STOCK, Load, new_key, serve, shop

_REST_SECONDS = 300.0
_CUSTOMERS = 4

# Production's values with shorter waits, so that a run of minutes sees what would take hours.
_SETTINGS = {
    "WAYBILL_AUTH_HASH_COST": "5",
    "WAYBILL_AUTH_LOGIN_IP_LIMIT": "100000",
    "WAYBILL_AUTH_REGISTER_IP_LIMIT": "100000",
    "WAYBILL_NOTIFIER_UNCERTAIN_SECONDS": "5",
    "WAYBILL_NOTIFIER_WORKER_LEASE_SECONDS": "10",
}


@dataclass(frozen=True)
class Options:
    """What to run: how many faults, from which seed, with which further settings; `only` aims them all at one place."""

    faults: int
    seed: int
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    only: Aim | None = None


class StuckError(Exception):
    """The platform did not come to rest: something waits for ever."""


def run_chaos(options: Options) -> Run:
    """Run and judge; raises StuckError when something is stuck, PlatformError when it does not start."""
    flags = options.folder / "flags"
    flags.mkdir(parents=True, exist_ok=True)
    plan = make_plan(options.faults, options.seed, options.only)
    windows = {fault.target for fault in plan if fault.action == "window"}
    injector = Injector(options.folder / "platform" / "processes.json", flags, windows)
    settings = {**_SETTINGS, "WAYBILL_FAULT_HOOKS": injector.hooks(), **options.settings}
    with Platform(options.folder / "platform", "processes", settings) as platform:
        sources = Sources(
            {name: platform.database_url(name) for name in ("auth", "orders", "notifier", "sandbox")},
            platform.amqp_url,
            platform.urls["mail"],
        )
        history = History()
        began = time.monotonic()
        _load(platform, history, injector, plan, options.seed)
        loaded = time.monotonic()
        stuck = _rest(sources)
        rested = time.monotonic()
        facts = read_facts(sources)
        findings = check(history, facts) + [f"{count} never came to rest: {name}" for name, count in stuck.items()]
        history.write(options.folder / "history.jsonl")
        return Run(options.seed, injector.done, history, facts, findings, loaded - began, rested - loaded)


def _load(platform: Platform, history: History, injector: Injector, plan: list[Fault], seed: int) -> None:
    load = Load(history, Queue(), threading.Event())
    staff = _caller(platform, Account(**platform.accounts["staff"]))
    _stock(staff, history)
    customers = [_caller(platform, account) for account in make_customers(platform.urls, _CUSTOMERS, f"chaos-{seed}")]
    errors: list[BaseException] = []
    jobs = [(shop, customer, seed * 1000 + number) for number, customer in enumerate(customers)]
    jobs.append((serve, staff, seed))

    def guarded(play: Callable[[Caller, Load, int], None], caller: Caller, number: int) -> None:
        try:
            play(caller, load, number)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for fault in plan:
        injector.inject(fault)
        injector.wait(fault.pause_after)
    load.over.set()
    for thread in threads:
        thread.join(timeout=600)
    if errors:
        raise errors[0]


def _caller(platform: Platform, account: Account) -> Caller:
    return Caller(platform.urls["auth"], platform.urls["orders"], account)


def _stock(staff: Caller, history: History) -> None:
    staff.sign_in()
    for sku in [*SKUS, SCARCE]:
        price = {"amount": 1999, "currency": "EUR"}
        if not staff.put(f"/v1/products/{sku}", {"name": f"Thing {sku}", "unit_price": price, "active": True}):
            raise StuckError(f"the product {sku} could not be made")
        body = {"delta": SCARCE_STOCK if sku == SCARCE else STOCK, "reason": "chaos"}
        record = staff.command(history, Command("stock", new_key(), f"/v1/products/{sku}/stock", body, staff.name))
        if record.status != 200:
            raise StuckError(f"the stock of {sku} could not be set: {record.status} {record.answer}")


def _rest(sources: Sources) -> dict[str, int]:
    """Wait until nothing moves any more; returns what still does after five minutes."""
    deadline = time.monotonic() + _REST_SECONDS
    left: dict[str, int] = {"the platform": 1}
    while time.monotonic() < deadline:
        try:
            left = unrest(sources)
        except (psycopg2.Error, pika.exceptions.AMQPError, requests.RequestException):
            left = {"a server that is away": 1}
        if not left:
            return {}
        time.sleep(0.5)
    return left

"""One run of the crash suite: start the real processes, order, break things, wait for rest, judge."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from waybill_standalone.platform import Platform

from tests.chaos.accounts import make_customers
from tests.chaos.api import Account, Caller
from tests.chaos.checker import check
from tests.chaos.crowd import crowd
from tests.chaos.facts import Sources, read_facts, wait_for_rest
from tests.chaos.history import History
from tests.chaos.injector import Injector
from tests.chaos.plan import Aim, Fault, make_plan
from tests.chaos.report import Run
from tests.chaos.shoppers import fill_shelves

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


def run_chaos(options: Options) -> Run:
    """Run and judge; raises ShelvesError without products to order, PlatformError when it does not start."""
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
        stuck = wait_for_rest(sources)
        rested = time.monotonic()
        facts = read_facts(sources)
        findings = check(history, facts) + [f"{count} never came to rest: {name}" for name, count in stuck.items()]
        history.write(options.folder / "history.jsonl")
        return Run(options.seed, injector.done, history, facts, findings, loaded - began, rested - loaded)


def _load(platform: Platform, history: History, injector: Injector, plan: list[Fault], seed: int) -> None:
    staff = _caller(platform, Account(**platform.accounts["staff"]))
    fill_shelves(staff, history)
    customers = [_caller(platform, account) for account in make_customers(platform.urls, _CUSTOMERS, f"chaos-{seed}")]
    with crowd(staff, customers, history, seed):
        for fault in plan:
            injector.inject(fault)
            injector.wait(fault.pause_after)


def _caller(platform: Platform, account: Account) -> Caller:
    return Caller(platform.urls["auth"], platform.urls["orders"], account)

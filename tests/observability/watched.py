"""A platform of real processes with customers at work and a real Prometheus that watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from waybill_standalone.platform import Platform

from tests.chaos.accounts import make_customers
from tests.chaos.api import Account, Caller
from tests.chaos.crowd import crowd
from tests.chaos.history import History
from tests.chaos.shoppers import fill_shelves
from tools.observe.watchers import Options, Watchers

# Cheap sign-ins without limits, so that two cores are enough for platform, customers and watchers.
SETTINGS = {
    "WAYBILL_AUTH_HASH_COST": "5",
    "WAYBILL_AUTH_LOGIN_IP_LIMIT": "100000",
    "WAYBILL_AUTH_REGISTER_IP_LIMIT": "100000",
}
_LOOK_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Watched:
    """The running platform and its watchers."""

    platform: Platform
    watchers: Watchers

    def until(self, condition: Callable[[], bool], within_seconds: float) -> bool:
        """Keep the targets true until `condition`; False when it did not come."""
        deadline = time.monotonic() + within_seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.watchers.targets.update(self.platform.processes())
            time.sleep(_LOOK_EVERY_SECONDS)
        return True

    def staff(self) -> Caller:
        """Return a member of the staff, signed in."""
        caller = self._caller(Account(**self.platform.accounts["staff"]))
        caller.sign_in()
        return caller

    @contextmanager
    def customers(self, count: int = 2) -> Iterator[History]:
        """Let customers order, pay and cancel inside the context, and staff ship and refund."""
        history = History()
        staff = self.staff()
        fill_shelves(staff, history)
        accounts = make_customers(self.platform.urls, count, f"watched-{time.time_ns()}")
        with crowd(staff, [self._caller(account) for account in accounts], history, seed=1):
            yield history

    def _caller(self, account: Account) -> Caller:
        return Caller(self.platform.urls["auth"], self.platform.urls["orders"], account)


@contextmanager
def watched(folder: Path, options: Options | None = None, settings: dict[str, str] | None = None) -> Iterator[Watched]:
    """Start all of it in a folder and stop all of it."""
    with (
        Platform(folder / "platform", "processes", SETTINGS | (settings or {})) as platform,
        Watchers(folder / "watchers", options) as watchers,
    ):
        watchers.targets.update(platform.processes())
        yield Watched(platform, watchers)

"""What the person at the terminal is told while the platform starts, runs and stops."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from waybill_standalone.config import StandaloneSettings


class Notice:
    """Writes to standard output; `quiet` writes nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._started = time.monotonic()

    def step(self, what: str) -> None:
        """What is being started now."""
        self._say(f"starting {what} …")

    def ready(self, settings: StandaloneSettings, accounts: Mapping[str, Mapping[str, str]]) -> None:
        """Where everything is and who can sign in."""
        seconds = time.monotonic() - self._started
        lines = ["", f"Waybill is up ({seconds:.1f} s). Ctrl-C stops it.", ""]
        names = {
            "auth": "auth",
            "orders": "orders",
            "notifier": "notifier",
            "sandbox": "payment gateway",
            "mail": "mail page",
        }
        for name, title in names.items():
            address = settings.url(name)
            extra = f"  (metrics on {settings.ports[name] + 1000})" if name in ("auth", "orders", "notifier") else ""
            lines.append(f"  {title:<16} {address}{extra}")
        lines.append("")
        for role, account in accounts.items():
            lines.append(f"  {role:<16} {account['email']}  password {account['password']}")
        lines += ["", f"  data and logs    {settings.home}", ""]
        self._say("\n".join(lines))

    def stopping(self) -> None:
        """The stop has begun."""
        self._say("\nstopping …")

    def _say(self, text: str) -> None:
        if not self._quiet:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

"""`make observe`: the platform as real processes, watched by a real Prometheus with the shipped rules."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

from waybill_standalone.config import StandaloneSettings, StandaloneSettingsError, load
from waybill_standalone.platform import Platform, PlatformError
from waybill_standalone.ports import PortTakenError, require_free

from tools.observe.watchers import Options, Watchers, WatchersError

_PROMETHEUS, _ALERTMANAGER = "WAYBILL_PROMETHEUS_PORT", "WAYBILL_ALERTMANAGER_PORT"
_PORTS = {_PROMETHEUS: 9090, _ALERTMANAGER: 9093}
_LOOK_EVERY_SECONDS = 0.5


def main() -> int:
    """Run until Ctrl-C; 1 with a line on stderr when something does not start or ends by itself."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load()
        own = {name: int(settings.environment.get(name) or port) for name, port in _PORTS.items()}
        require_free(own)
        ports = {name: str(port) for name, port in settings.port_variables().items()}
        print("starting the platform (its output: .waybill/output.log) …", flush=True)
        with Platform(settings.home, "processes", settings.own_settings() | ports) as platform:
            options = Options(own[_PROMETHEUS], own[_ALERTMANAGER], smtp_address=_mail_catcher(platform, settings))
            return _watch(platform, Watchers(settings.home / "observe", options), stop)
    except (PlatformError, PortTakenError, StandaloneSettingsError, WatchersError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _mail_catcher(platform: Platform, settings: StandaloneSettings) -> str:
    """Return where alerts are mailed to: never to a real provider."""
    return "" if settings.smtp_url else urlsplit(platform.smtp_url).netloc


def _watch(platform: Platform, watchers: Watchers, stop: threading.Event) -> int:
    print("starting Prometheus and Alertmanager …", flush=True)
    with watchers:
        _tell(platform, watchers)
        while not stop.wait(_LOOK_EVERY_SECONDS):
            if not platform.is_running():
                print(f"error: the platform ended by itself:\n{platform.output()[-2000:]}", file=sys.stderr)
                return 1
            if name := watchers.ended():
                print(f"error: {name} ended by itself: see {platform.folder}/observe/{name}.log", file=sys.stderr)
                return 1
            watchers.targets.update(platform.processes())
        print("\nstopping …", flush=True)
    return 0


def _tell(platform: Platform, watchers: Watchers) -> None:
    addresses: dict[str, Any] = {
        **platform.urls,
        "Prometheus": watchers.prometheus_url,
        "its alerts": f"{watchers.prometheus_url}/alerts",
        "Alertmanager": f"{watchers.alertmanager_url}/#/alerts",
    }
    print("\nWaybill is up and watched. Ctrl-C stops all of it.\n")
    for name, address in addresses.items():
        print(f"  {name:<14} {address}")
    print()
    for role, account in platform.accounts.items():
        print(f"  {role:<14} {account['email']}  password {account['password']}")
    print("\n  alerts are also mailed: see the mail page\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())

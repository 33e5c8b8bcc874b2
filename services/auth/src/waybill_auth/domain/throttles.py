"""Limits of the throttle: fixed windows for clients, growing waits for identifiers."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """At most `limit` in `seconds`."""

    limit: int
    seconds: int


@dataclass(frozen=True)
class Backoff:
    """`free` failures cost nothing; then a wait of `first_seconds` that doubles up to `max_seconds`.

    A bucket without a failure for `reset_seconds` starts anew.
    """

    free: int
    first_seconds: float
    max_seconds: float
    reset_seconds: float


@dataclass(frozen=True)
class Limits:
    """Every limit of the service."""

    login_per_ip: Window
    register_per_ip: Window
    forgot_per_ip: Window
    refresh_per_ip: Window
    mail_burst: Window
    mail_daily: Window
    login_failures: Backoff


def client_of(ip: str | None) -> str:
    """Return what one client's limits are counted under: the address, of IPv6 the /64 that one client owns whole."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return ip or "unknown"
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))

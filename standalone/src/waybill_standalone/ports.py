"""TCP ports of this machine: finding free ones, and saying clearly which setting moves a taken one."""

from __future__ import annotations

import socket
from collections.abc import Mapping


class PortTakenError(Exception):
    """A port that the platform needs is in use; the message names the port and the variable that moves it."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now; a port whose last connections still linger counts as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(wanted: Mapping[str, int]) -> None:
    """`wanted` maps the setting that moves a port to the port; raises PortTakenError that lists every taken one.

    A port above a web port by 1000 is the service's internal one and moves with it.
    """
    lines = []
    for variable, port in wanted.items():
        taken = [str(one) for one in _with_internal(variable, port) if not is_free(one)]
        if taken:
            lines.append(f"port {' and '.join(taken)} is in use: choose another with {variable}=…, or free it")
    if lines:
        raise PortTakenError("\n".join(lines))


def _with_internal(variable: str, port: int) -> tuple[int, ...]:
    has_internal = any(f"_{service}_" in variable for service in ("AUTH", "ORDERS", "NOTIFIER"))
    return (port, port + 1000) if has_internal else (port,)


def free_port(room: int = 0) -> int:
    """A port nobody listens on, with `port + room` free as well; below the range that outgoing connections take."""
    import random

    for _ in range(500):
        port = random.randint(20_000, 31_000)  # noqa: S311 - a guess to be tried, not a secret
        if is_free(port) and (not room or is_free(port + room)):
            return port
    raise PortTakenError("no free port between 20000 and 31000")

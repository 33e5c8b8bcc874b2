"""One WSGI callable for both listeners of a web process: the application, and the internal port beside it."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from waybill_common.health import HealthChecks

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_internal_port(application: Wsgi, checks: HealthChecks, internal_port: int) -> Wsgi:
    """Return a callable that answers health checks and metrics on the internal port and the application elsewhere.

    `SERVER_PORT` is the listener's own, whatever the Host header says, so the internal routes cannot be reached from
    the web port.
    """
    port = str(internal_port)

    def dispatch(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["SERVER_PORT"] != port:
            return application(environ, start_response)
        reply = checks.reply(environ.get("PATH_INFO", ""))
        headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))]
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        return [reply.body]

    return dispatch

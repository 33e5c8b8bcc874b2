"""What surrounds every request: its ids, deadline and metrics, the headers of every answer, and the access log line."""

import re
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import request

from waybill_common.http.metrics import HttpServerMetrics
from waybill_common.http.spans import describe_answer, server_span
from waybill_common.http.wsgi import Wsgi
from waybill_common.ids import uuid7_text
from waybill_common.sessions import DEADLINE_HEADER, deadline_scope, read_deadline
from waybill_common.telemetry import current_span, is_tracing, log_request, use_context

_DEADLINE_SECONDS = 10.0
_DEADLINE = "HTTP_" + DEADLINE_HEADER.upper().replace("-", "_")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,128}$")


class RequestScope:
    """A WSGI callable around Flask's own; in hooks of the application the same costs three times as much."""

    def __init__(self, application: Wsgi, metrics: HttpServerMetrics) -> None:
        self._application = application
        self._metrics = metrics

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request under its ids; whoever calls may shorten its deadline and not lengthen it."""
        started = perf_counter()
        method: str = environ["REQUEST_METHOD"]
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.match(given) else uuid7_text()

        def begin_answer(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            seconds = perf_counter() - started
            route = request.url_rule.rule if request.url_rule is not None else None
            code = int(status[:3])
            self._metrics.finished(method, route, code, seconds)
            log_request(method=method, route=route, status=code, duration_ms=round(seconds * 1000, 2))
            if (span := current_span()) is not None:
                describe_answer(span, environ, route, code)
            return start_response(status, _completed(headers, request_id, environ), *rest)

        # The caller's deadline is read from the raw header, as the ids are: no header object is made for them.
        seconds = read_deadline(environ.get(_DEADLINE), _DEADLINE_SECONDS)
        active = self._metrics.active(method)
        active.inc()
        try:
            with (
                use_context(
                    request_id=request_id,
                    traceparent=environ.get("HTTP_TRACEPARENT"),
                    tracestate=environ.get("HTTP_TRACESTATE"),
                    span=server_span(method, environ["wsgi.url_scheme"]) if is_tracing() else None,
                ),
                deadline_scope(seconds),
            ):
                return self._application(environ, begin_answer)
        finally:
            active.dec()


def _completed(headers: list[tuple[str, str]], request_id: str, environ: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the headers with those that every answer has; what the view said about caching and sniffing stands."""
    names = {name.lower() for name, _ in headers}
    headers = [*headers, ("X-Request-Id", request_id)]
    if "x-content-type-options" not in names:
        headers.append(("X-Content-Type-Options", "nosniff"))
    if "HTTP_AUTHORIZATION" in environ and "cache-control" not in names:
        headers.append(("Cache-Control", "no-store"))
    return headers

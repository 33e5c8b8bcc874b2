"""The span of a request that is served, by OpenTelemetry's HTTP conventions; what a caller typed is not repeated."""

from functools import lru_cache
from typing import Any

from waybill_common.telemetry import NewSpan, Span, fail_span

_SECRET = "token"  # noqa: S105 - the name of a part of a path
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def server_span(method: str, scheme: str) -> NewSpan:
    """Return the span of a request whose route is not known yet."""
    return _unrouted(known_method(method), "https" if scheme == "https" else "http")


@lru_cache
def _unrouted(method: str, scheme: str) -> NewSpan:
    """Made once for each method: most requests are sampled out, and theirs is made in vain."""
    attributes = {"http.request.method": method, "url.scheme": scheme}
    return NewSpan("HTTP" if method == "_OTHER" else method, "server", attributes)


def describe_answer(span: Span, environ: dict[str, Any], route: str | None, status: int) -> None:
    """Name the span by its route, and say how the request ended; a 5xx is a failure, a 4xx is the caller's.

    The path is told where a route matched, and only its template where a token is part of it: a path that leads
    nowhere may be anything.
    """
    span.set_attribute("http.response.status_code", status)
    if route is not None:
        span.update_name(f"{known_method(environ['REQUEST_METHOD'])} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("url.path", route if f"{_SECRET}>" in route else environ["PATH_INFO"])
    if status >= 500:
        fail_span(str(status))


def known_method(method: str) -> str:
    """Return the method, `_OTHER` for one that somebody made up."""
    return method if method in _METHODS else "_OTHER"

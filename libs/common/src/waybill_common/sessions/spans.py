"""The span of one attempt at a call, by OpenTelemetry's HTTP client conventions."""

from urllib.parse import urlsplit

from waybill_common.sessions.errors import PeerError
from waybill_common.sessions.options import OutgoingCall
from waybill_common.telemetry import NewSpan, Span, fail_span

_PORTS = {"http": 80, "https": 443}


def call_span(peer: str, base_url: str, call: OutgoingCall, resend: int) -> NewSpan:
    """Return the span of the attempt; `resend` counts the ones before. Query and credentials stay out of the URL."""
    parts = urlsplit(base_url)
    port = parts.port or _PORTS[parts.scheme]
    attributes: dict[str, str | int] = {
        "http.request.method": call.method,
        "server.address": parts.hostname or "",
        "server.port": port,
        "service.peer.name": peer,
        "url.full": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{call.path.partition('?')[0]}",
    }
    if resend:
        attributes["http.request.resend_count"] = resend
    return NewSpan(call.method, "client", attributes)


def describe_call(span: Span, status: int | None, failure: PeerError | None) -> None:
    """Say how the attempt ended; to a client a 4xx is a failure too."""
    if status is not None:
        span.set_attribute("http.response.status_code", status)
    if failure is not None and status is None:
        fail_span(failure.reason)
    elif status is not None and status >= 400:
        fail_span(str(status))

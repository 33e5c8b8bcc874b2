"""The line to one peer: a single exchange, admitted by the breaker, bounded in time and size, and measured."""

import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
import requests

from waybill_common.sessions.answers import TRANSPORT_ERRORS, failure_of, failure_of_status, read_bounded
from waybill_common.sessions.breaker import Breaker, BreakerState, Permit
from waybill_common.sessions.deadline import DEADLINE_HEADER, remaining_seconds, write_deadline
from waybill_common.sessions.errors import CircuitOpenError, PeerError, PeerTimeoutError
from waybill_common.sessions.metrics import ConnectorMetrics
from waybill_common.sessions.options import ConnectorOptions, OutgoingCall
from waybill_common.sessions.spans import call_span, describe_call
from waybill_common.sessions.transport import make_session
from waybill_common.telemetry import child_span, current_request_id, current_span, get_logger, outgoing_headers

_log = get_logger(__name__)
# A caller with a few milliseconds left times out whatever the peer does; such a timeout says nothing about the peer.
_FAIR_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """How one attempt ended: with an answer, with a failure, or with both when the answer is a 5xx."""

    answer: requests.Response | None
    failure: PeerError | None

    @property
    def status(self) -> int | None:
        """The status of the answer, or of the answer that could not be read to its end."""
        if self.answer is not None:
            return self.answer.status_code
        return None if self.failure is None else self.failure.status


class PeerLine:
    """Makes single exchanges with one peer; thread-safe, at most `pool_size` at once."""

    def __init__(
        self, name: str, base_url: str, options: ConnectorOptions, metrics: ConnectorMetrics | None = None
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{base_url!r} is no address of a peer; write it as in http://auth:8081")
        self.name = name
        self.base_url = base_url.rstrip("/")
        # Host and port: on one machine only the port tells peers apart. Credentials in the address stay out.
        self.address = parts.netloc.rpartition("@")[2]
        self._options = options
        self._metrics = metrics
        self._slots = threading.BoundedSemaphore(options.pool_size)
        self._session = make_session(options.pool_size)
        self.breaker = Breaker(options.breaker, on_change=self._breaker_changed)
        if metrics is not None:
            metrics.opened(self.address)

    def exchange(self, call: OutgoingCall, token: str | None, resend: int = 0) -> Exchange:
        """Send once and read the answer to its end; `resend` counts how often this call was sent before.

        Raises PeerTimeoutError when the deadline leaves no time or no connection comes free, CircuitOpenError when
        the breaker is open; in these cases nothing was sent.
        """
        # A slot of our own instead of the pool's: the pool would wait for ever, or open connections without limit.
        if not self._slots.acquire(timeout=min(self._options.connect_timeout, self.time_left())):
            raise PeerTimeoutError(self.name, "pool", f"all {self._options.pool_size} connections stayed busy")
        try:
            permit = self.breaker.admit()
            if permit is None:
                raise CircuitOpenError(self.name, "circuit_open", "recent calls failed; nothing was sent")
            return self._judged(call, token, permit, resend)
        finally:
            self._slots.release()

    def time_left(self) -> float:
        """Return the seconds of the deadline in hand; raises PeerTimeoutError when there are none."""
        left = remaining_seconds()
        if left is None or left <= 0:
            raise PeerTimeoutError(self.name, "deadline", "no time was left to ask")
        return left

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _judged(self, call: OutgoingCall, token: str | None, permit: Permit, resend: int) -> Exchange:
        """Make the exchange and tell the breaker what it says about the peer."""
        is_recorded = False
        try:
            left = self.time_left()
            # None where nothing is recorded: then no span is built.
            new = None if current_span() is None else call_span(self.name, self.base_url, call, resend)
            with child_span(new) as span:
                result = self._measured(call, token, left)
                if span is not None:
                    describe_call(span, result.status, result.failure)
            is_fair = left >= min(_FAIR_SECONDS, self._options.read_timeout)
            if is_fair or not isinstance(result.failure, PeerTimeoutError):
                self.breaker.record(permit, succeeded=result.failure is None)
                is_recorded = True
            return result
        finally:
            if not is_recorded:
                self.breaker.cancel(permit)

    def _measured(self, call: OutgoingCall, token: str | None, left: float) -> Exchange:
        started = time.monotonic()
        try:
            answer = self._transfer(call, token, left)
            result = Exchange(answer, failure_of_status(self.name, answer))
        except (PeerError, *TRANSPORT_ERRORS) as error:
            failure = failure_of(self.name, error)
            if failure is not error:
                # Without its traceback: that would hold this frame, which holds the failure, until a collection.
                failure.__cause__ = error.with_traceback(None)
            result = Exchange(None, failure)
        if self._metrics is not None:
            error_type = "" if result.failure is None else result.failure.reason
            self._metrics.observe(self.address, call.method, (result.status, error_type), time.monotonic() - started)
        return result

    def _transfer(self, call: OutgoingCall, token: str | None, left: float) -> requests.Response:
        options = self._options
        response = self._session.request(
            call.method,
            self.base_url + call.path,
            data=call.form if call.json is None else orjson.dumps(call.json),
            headers=_headers(call, token, left),
            timeout=(min(options.connect_timeout, left), min(options.read_timeout, left)),
            allow_redirects=False,
            stream=True,
        )
        read_bounded(self.name, response, options.max_response_bytes)
        return response

    def _breaker_changed(self, state: BreakerState) -> None:
        if self._metrics is not None:
            self._metrics.breaker_changed(self.address, state)
        if state is not BreakerState.CLOSED:
            _log.warning("circuit_breaker_changed", peer=self.name, state=state.name.lower())


def _headers(call: OutgoingCall, token: str | None, left: float) -> dict[str, str]:
    headers = dict(call.headers)
    headers[DEADLINE_HEADER] = write_deadline(left)
    headers.update(outgoing_headers())
    request_id = current_request_id()
    if request_id is not None:
        headers["X-Request-Id"] = request_id
    if call.json is not None:
        headers["Content-Type"] = "application/json"
    if call.idempotency_key is not None:
        headers["Idempotency-Key"] = call.idempotency_key
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return headers

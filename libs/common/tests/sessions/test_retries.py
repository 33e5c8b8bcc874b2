"""When a connector asks again: never by itself for an unkeyed POST, never beyond a tenth of its calls."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from prometheus_client import CollectorRegistry
from waybill_common.sessions import (
    BreakerOptions,
    BreakerState,
    CircuitOpenError,
    ConnectorMetrics,
    PeerError,
    PeerTimeoutError,
    PeerUnavailableError,
    deadline_scope,
)

pytestmark = pytest.mark.integration

NEVER_OPEN = BreakerOptions(failures_in_row=10_000, window=10_000)


def unavailable(**headers: str):
    return lambda talk: talk.answer(503, **headers)


def drop(talk) -> None:
    talk.drop()


@pytest.mark.parametrize("fault", [drop, unavailable()], ids=["dropped", "503"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_an_idempotent_request_is_repeated(peer, connect, method, fault):
    peer.script = [fault, fault]
    if method == "HEAD":
        peer.default = lambda talk: talk.send(b"HTTP/1.1 200 OK\r\n\r\n")
    assert connect().request(method, "/").status_code == 200
    assert len(peer.requests) == 3


@pytest.mark.parametrize("fault", [drop, unavailable(), unavailable(Retry_After="0")])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_unkeyed_post_is_never_repeated(peer, connect, method, fault):
    peer.default = fault
    with pytest.raises(PeerUnavailableError):
        connect().request(method, "/", json={})
    assert len(peer.requests) == 1


def test_an_unkeyed_post_on_a_connection_that_went_stale_is_not_repeated_either(peer, connect):
    connector = connect()
    connector.request("GET", "/")
    peer.default = drop
    with pytest.raises(PeerUnavailableError):
        connector.request("POST", "/", json={})
    assert [request.method for request in peer.requests] == ["GET", "POST"]


def test_a_keyed_post_is_repeated_with_the_same_key_and_body(peer, connect):
    peer.script = [drop, unavailable()]
    assert connect().request("POST", "/", json={"n": 1}, idempotency_key="k").status_code == 200
    assert {(request.headers["idempotency-key"], request.body) for request in peer.requests} == {("k", b'{"n":1}')}
    assert len(peer.requests) == 3


def test_a_failure_that_stays_is_raised_after_three_tries(peer, connect):
    peer.default = unavailable()
    with pytest.raises(PeerUnavailableError) as caught:
        connect().request("GET", "/")
    assert (caught.value.reason, caught.value.status) == ("http_503", 503)
    assert len(peer.requests) == 3


def test_a_500_is_a_failure_too(peer, connect):
    peer.default = lambda talk: talk.answer(500)
    with pytest.raises(PeerUnavailableError):
        connect().request("POST", "/")


def test_a_timeout_is_repeated(peer, connect):
    peer.script = [lambda talk: talk.hang()]
    assert connect(read_timeout=0.2).request("GET", "/").status_code == 200


def test_retries_stay_within_a_tenth_of_the_calls(peer, connect):
    peer.default = unavailable()
    connector = connect(breaker=NEVER_OPEN)
    for _ in range(100):
        with pytest.raises(PeerUnavailableError):
            connector.request("GET", "/")
    # The reserve of three lets a quiet process retry at all.
    assert 100 + 10 <= len(peer.requests) <= 100 + 10 + 3


def test_without_a_budget_every_call_would_be_tried_three_times(peer, connect):
    peer.default = unavailable()
    connector = connect(breaker=NEVER_OPEN, retry_ratio=2.0)
    for _ in range(30):
        with pytest.raises(PeerUnavailableError):
            connector.request("GET", "/")
    assert len(peer.requests) == 90


def test_retry_after_is_honoured(peer, connect):
    peer.script = [unavailable(Retry_After="2")]
    connector = connect()
    assert connector.request("GET", "/").status_code == 200
    assert connector.pauses == [2.0]


def test_retry_after_may_be_a_date(peer, connect):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=4), usegmt=True)
    peer.script = [unavailable(Retry_After=soon)]
    connector = connect()
    connector.request("GET", "/")
    assert 1 < connector.pauses[0] <= 4


@pytest.mark.parametrize("value", ["soon", "-5", "", "1e3", "Tue, 99 Nov 2026 00:00:00 GMT"])
def test_a_retry_after_that_is_none_does_not_hurt(peer, connect, value):
    peer.script = [unavailable(Retry_After=value)]
    connector = connect()
    assert connector.request("GET", "/").status_code == 200
    assert connector.pauses == [0.0]


def test_a_retry_after_beyond_the_deadline_ends_the_call(peer, connect):
    peer.default = unavailable(Retry_After="60")
    with deadline_scope(5), pytest.raises(PeerUnavailableError):
        connect().request("GET", "/")
    assert len(peer.requests) == 1


@pytest.mark.parametrize("code", [425, 429])
def test_an_answer_that_asks_to_come_back_is_asked_again(peer, connect, code):
    peer.script = [lambda talk: talk.answer(code, Retry_After="1")]
    connector = connect()
    assert connector.request("GET", "/").status_code == 200
    assert connector.pauses == [1.0]


def test_the_twin_of_a_keyed_call_is_waited_for(peer, connect):
    peer.script = [lambda talk: talk.answer(409, Retry_After="1")]
    connector = connect()
    assert connector.request("POST", "/", idempotency_key="k").status_code == 200
    assert connector.pauses == [1.0]


def test_an_answer_that_asks_to_come_back_is_returned_when_there_is_no_time(peer, connect):
    peer.default = lambda talk: talk.answer(429, Retry_After="60")
    assert connect().request("GET", "/").status_code == 429
    assert len(peer.requests) == 1


def test_429_without_a_time_is_an_answer(peer, connect):
    peer.default = lambda talk: talk.answer(429)
    assert connect().request("GET", "/").status_code == 429
    assert len(peer.requests) == 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watched(connector, clock: Clock):
    connector._line.breaker._clock = clock
    return connector


def test_five_failures_open_the_circuit_and_nothing_more_is_sent(peer, connect, clock):
    peer.default = unavailable()
    connector = watched(connect(), clock)
    for _ in range(5):
        with pytest.raises(PeerUnavailableError):
            connector.request("POST", "/")
    with pytest.raises(CircuitOpenError):
        connector.request("POST", "/")
    assert len(peer.requests) == 5


def test_retries_stop_when_the_circuit_opens(peer, connect, clock):
    peer.default = unavailable()
    connector = watched(connect(breaker=BreakerOptions(failures_in_row=2)), clock)
    with pytest.raises(PeerUnavailableError):
        connector.request("GET", "/")
    assert len(peer.requests) == 2


def test_a_good_probe_closes_the_circuit(peer, connect, clock):
    peer.script = [unavailable()] * 5
    connector = watched(connect(), clock)
    for _ in range(5):
        with pytest.raises(PeerUnavailableError):
            connector.request("POST", "/")
    clock.now += 5
    assert connector.request("POST", "/").status_code == 200
    assert connector.breaker_state is BreakerState.CLOSED


def test_a_bad_probe_keeps_it_open(peer, connect, clock):
    peer.default = unavailable()
    connector = watched(connect(), clock)
    for _ in range(5):
        with pytest.raises(PeerUnavailableError):
            connector.request("POST", "/")
    clock.now += 5
    with pytest.raises(PeerUnavailableError):
        connector.request("GET", "/")
    with pytest.raises(CircuitOpenError):
        connector.request("GET", "/")
    assert len(peer.requests) == 6


def test_4xx_never_open_the_circuit(peer, connect):
    peer.default = lambda talk: talk.answer(404)
    connector = connect()
    for _ in range(40):
        connector.request("GET", "/")
    assert connector.breaker_state is BreakerState.CLOSED


def test_callers_without_time_cannot_open_the_circuit(peer, connect):
    peer.default = lambda talk: talk.hang()
    connector = connect()
    for _ in range(8):
        with deadline_scope(0.02), pytest.raises(PeerTimeoutError):
            connector.request("GET", "/")
    assert connector.breaker_state is BreakerState.CLOSED


def test_a_probe_without_time_leaves_the_probe_to_the_next(peer, connect, clock):
    peer.script = [unavailable()] * 5 + [lambda talk: talk.hang()]
    connector = watched(connect(), clock)
    for _ in range(5):
        with pytest.raises(PeerUnavailableError):
            connector.request("POST", "/")
    clock.now += 5
    with deadline_scope(0.05), pytest.raises(PeerTimeoutError):
        connector.request("GET", "/")
    assert connector.request("GET", "/").status_code == 200


class Tokens:
    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.invalidated: list[str] = []

    def token(self) -> str:
        return self.tokens[0]

    def invalidate(self, token: str) -> None:
        self.invalidated.append(token)
        if len(self.tokens) > 1:
            self.tokens.pop(0)


def only(good: str):
    return lambda talk: talk.answer(200 if talk.headers.get("authorization") == f"Bearer {good}" else 401)


def test_a_service_token_is_shown(peer, connect):
    peer.default = only("a")
    assert connect(tokens=Tokens("a")).request("GET", "/").status_code == 200


def test_a_refused_token_is_replaced_once_even_for_a_post(peer, connect):
    peer.default = only("new")
    tokens = Tokens("old", "new")
    assert connect(tokens=tokens).request("POST", "/").status_code == 200
    assert tokens.invalidated == ["old"]
    assert len(peer.requests) == 2


def test_a_second_refusal_is_the_answer(peer, connect):
    peer.default = only("never")
    assert connect(tokens=Tokens("a", "b", "c")).request("GET", "/").status_code == 401
    assert len(peer.requests) == 2


def test_the_same_token_is_not_shown_twice(peer, connect):
    peer.default = only("never")
    assert connect(tokens=Tokens("a")).request("GET", "/").status_code == 401
    assert len(peer.requests) == 1


def test_a_missing_token_is_the_token_sources_fault_not_the_peers(peer, connect):
    class Broken:
        def token(self) -> str:
            raise PeerError("auth", "unreachable")

        def invalidate(self, token: str) -> None: ...

    connector = connect(tokens=Broken())
    for _ in range(8):
        with pytest.raises(PeerError) as caught:
            connector.request("GET", "/")
        assert caught.value.peer == "auth"
    assert connector.breaker_state is BreakerState.CLOSED
    assert peer.requests == []


def test_every_attempt_is_measured(peer, connect):
    registry = CollectorRegistry()
    peer.script = [unavailable(), drop]
    connect(metrics=ConnectorMetrics(registry)).request("GET", "/")

    def count(code: str, error: str) -> float | None:
        return registry.get_sample_value(
            "http_client_request_duration_seconds_count",
            {
                "server_address": peer.url.removeprefix("http://"),
                "http_request_method": "GET",
                "http_response_status_code": code,
                "error_type": error,
            },
        )

    assert (count("503", "http_503"), count("", "dropped"), count("200", "")) == (1, 1, 1)


def test_the_breakers_state_and_the_retries_are_measured(peer, connect):
    registry = CollectorRegistry()
    address = {"server_address": peer.url.removeprefix("http://")}
    peer.default = unavailable()
    connector = connect(metrics=ConnectorMetrics(registry), retry_reserve=1.0)
    assert registry.get_sample_value("http_client_circuit_breaker_state", address) == 0
    for _ in range(4):
        with pytest.raises(PeerUnavailableError):
            connector.request("GET", "/")
    assert registry.get_sample_value("http_client_circuit_breaker_state", address) == 2
    assert registry.get_sample_value("http_client_retries_total", address | {"outcome": "granted"}) == 1
    assert registry.get_sample_value("http_client_retries_total", address | {"outcome": "denied"}) >= 2

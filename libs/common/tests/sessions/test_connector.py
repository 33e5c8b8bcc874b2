"""What a connector sends, what it bounds, and what it makes of a peer that is slow, drops or lies."""

import gzip
import socket
import threading

import pytest
from waybill_common.sessions import (
    Connector,
    PeerAnswerError,
    PeerError,
    PeerTimeoutError,
    PeerUnavailableError,
    deadline_scope,
    read_object,
)
from waybill_common.telemetry import use_context
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_an_answer_comes_back_with_its_body_read(peer, connect):
    peer.default = lambda talk: talk.answer(200, b'{"a": 1}')
    answer = connect().request("GET", "/things/1?x=2")
    assert answer.status_code == 200
    assert read_object("peer", answer) == {"a": 1}
    assert peer.paths == ["/things/1?x=2"]


def test_a_body_is_sent_as_json_with_its_key(peer, connect):
    connect().request("POST", "/things", json={"n": 1}, idempotency_key="k-1", headers={"X-Own": "yes"})
    sent = peer.requests[0]
    assert sent.body == b'{"n":1}'
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["idempotency-key"] == "k-1"
    assert sent.headers["x-own"] == "yes"


def test_the_request_id_and_a_child_of_the_trace_are_sent(peer, connect):
    with use_context(request_id="req-7", traceparent=TRACE):
        connect().request("GET", "/")
    sent = peer.requests[0].headers
    assert sent["x-request-id"] == "req-7"
    assert sent["traceparent"].split("-")[1] == TRACE.split("-")[1]
    assert sent["traceparent"] != TRACE


def test_without_a_context_a_trace_begins_here(peer, connect):
    connect().request("GET", "/")
    assert peer.requests[0].headers["traceparent"].startswith("00-")
    assert "x-request-id" not in peer.requests[0].headers


def test_the_deadline_is_passed_on_and_subtracted(peer, connect):
    connector = connect(deadline_seconds=10)
    connector.request("GET", "/")
    with deadline_scope(2):
        connector.request("GET", "/")
        connector.request("GET", "/")
    first, second, third = (int(request.headers["waybill-deadline-ms"]) for request in peer.requests)
    assert 2_000 < first <= 10_000
    assert third <= second <= 2_000


def test_a_retry_is_told_of_the_shorter_deadline(peer, connect):
    peer.script = [lambda talk: talk.drop()]
    connect().request("GET", "/")
    first, second = (int(request.headers["waybill-deadline-ms"]) for request in peer.requests)
    assert second <= first


def test_nothing_is_sent_when_no_time_is_left(peer, connect):
    with deadline_scope(0), pytest.raises(PeerTimeoutError) as caught:
        connect().request("GET", "/")
    assert caught.value.reason == "deadline"
    assert peer.requests == []


def test_a_peer_that_says_nothing_times_out(peer, connect):
    peer.default = lambda talk: talk.hang()
    with pytest.raises(PeerTimeoutError) as caught:
        connect(read_timeout=0.2, max_attempts=1).request("GET", "/")
    assert (caught.value.peer, caught.value.reason) == ("peer", "read_timeout")


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_peer_that_drips_bytes_is_cut_off_at_the_deadline(peer, connect, part):
    def drip(talk) -> None:
        talk.send(b"HTTP/1.1 200 OK\r\n")
        if part == "body":
            talk.send(b"Content-Length: 1000000\r\n\r\n")
        while not talk.released.wait(0.02):
            talk.send(b"X-Drip: 1\r\n" if part == "head" else b"x")

    peer.default = drip
    # Each byte comes well within the read timeout, and http.client would take a hundred header lines.
    with pytest.raises(PeerTimeoutError) as caught:
        connect(read_timeout=5, deadline_seconds=0.4).request("GET", "/")
    assert caught.value.reason == "deadline"


def test_a_peer_that_does_not_take_connections_times_out(connect):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with socket.create_connection(full.getsockname()), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            with pytest.raises(PeerTimeoutError) as caught:
                connect(url=url, connect_timeout=0.2, max_attempts=1).request("GET", "/")
    assert caught.value.reason == "connect_timeout"


def test_a_peer_that_is_not_there_is_unavailable(connect):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(PeerUnavailableError) as caught:
            connect(url=url).request("GET", "/")
    assert caught.value.reason == "unreachable"


def test_a_name_that_does_not_resolve_is_unavailable(connect):
    with pytest.raises(PeerUnavailableError) as caught:
        connect(url="http://peer.invalid").request("GET", "/")
    assert caught.value.reason == "unreachable"


LIES = {
    "no HTTP at all": lambda talk: (talk.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), talk.drop()),
    "a length longer than the body": lambda talk: (
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}"),
        talk.drop(),
    ),
    "a chunk size that is none": lambda talk: (
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
        talk.drop(),
    ),
    "chunks without an end": lambda talk: (
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        talk.drop(),
    ),
    "a dropped connection": lambda talk: talk.drop(),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_peer_is_unavailable_and_never_another_exception(peer, connect, lie):
    peer.default = LIES[lie]
    with pytest.raises(PeerUnavailableError):
        connect().request("GET", "/")


def test_a_body_beyond_the_limit_is_not_read_to_its_end(peer, connect):
    def flood(talk) -> None:
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not talk.released.is_set():
            talk.send(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    peer.default = flood
    with pytest.raises(PeerAnswerError) as caught:
        connect(max_response_bytes=200_000, max_attempts=1).request("GET", "/")
    assert caught.value.reason == "too_large"


def test_a_compressed_body_is_refused_before_it_unfolds(peer, connect):
    bomb = gzip.compress(b"0" * 5_000_000)
    peer.default = lambda talk: talk.answer(200, bomb, Content_Encoding="gzip")
    with pytest.raises(PeerAnswerError) as caught:
        connect(max_attempts=1).request("GET", "/")
    assert caught.value.reason == "encoded"
    assert peer.requests[0].headers["accept-encoding"] == "identity"


def test_leftover_bytes_never_become_the_next_answer(peer, connect):
    peer.script = [lambda talk: talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 299 Lie\r\n\r\n")]
    connector = connect()
    assert connector.request("GET", "/").content == b"{}"
    assert connector.request("GET", "/").status_code == 200


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b"\xff", b'{"a": NaN}'])
def test_a_body_that_is_no_object_is_a_peers_fault(peer, connect, body):
    peer.default = lambda talk: talk.answer(200, body)
    answer = connect().request("GET", "/")
    with pytest.raises(PeerAnswerError):
        read_object("peer", answer)


@pytest.mark.parametrize("code", [200, 201, 204, 304, 400, 401, 402, 404, 409, 422, 429])
def test_everything_below_500_is_an_answer(peer, connect, code):
    peer.default = lambda talk: talk.answer(code, b"" if code in {204, 304} else b"{}")
    assert connect().request("GET", "/").status_code == code


def test_redirects_are_answers_and_are_not_followed(peer, connect):
    peer.default = lambda talk: talk.answer(302, Location=f"{peer.url}/elsewhere")
    assert connect().request("GET", "/").status_code == 302
    assert peer.paths == ["/"]


def test_the_environment_chooses_no_proxy(peer, connect, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert connect().request("GET", "/").status_code == 200


def test_cookies_are_not_kept(peer, connect):
    peer.default = lambda talk: talk.answer(200, Set_Cookie="a=b; Path=/")
    connector = connect()
    connector.request("GET", "/")
    connector.request("GET", "/")
    assert "cookie" not in peer.requests[1].headers


def test_connections_are_used_again(peer, connect):
    connector = connect()
    for _ in range(10):
        connector.request("GET", "/")
    assert peer.connections == 1


def test_a_connection_that_was_idle_for_long_is_not_used_again(peer, connect, monkeypatch):
    from waybill_common.sessions import transport

    connector = connect()
    connector.request("GET", "/")
    monkeypatch.setattr(transport._FreshConnection, "idle_seconds", -1.0)
    connector.request("GET", "/")
    assert peer.connections == 2


def test_no_more_calls_are_under_way_than_the_pool_is_large(peer, connect):
    peer.script = [lambda talk: talk.hang()]
    connector = connect(pool_size=1, connect_timeout=0.1, read_timeout=10, max_attempts=1)
    seen: list[PeerError] = []

    def occupy() -> None:
        try:
            connector.request("GET", "/slow")
        except PeerError as error:
            seen.append(error)

    thread = threading.Thread(target=occupy)
    thread.start()
    eventually(lambda: peer.requests)
    with pytest.raises(PeerTimeoutError) as caught:
        connector.request("GET", "/")
    peer.release()
    thread.join()
    assert caught.value.reason == "pool"
    assert peer.paths == ["/slow"]


@pytest.mark.parametrize("path", ["things", "@evil.example/", "/a/../b", "/./a", ""])
def test_a_path_cannot_leave_the_peer(connect, path):
    with pytest.raises(ValueError, match="no path below"):
        connect().request("GET", path)


@pytest.mark.parametrize("url", ["auth:8081", "ftp://auth", "http://", ""])
def test_an_address_that_is_none_is_refused_at_once(url):
    with pytest.raises(ValueError, match="no address"):
        Connector("peer", url)

"""A load generator that costs little: keep-alive connections in one epoll loop, answers read and judged by status."""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"


@dataclass
class Outcome:
    """Requests by status, the seconds they took each, and the seconds of the whole load."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in seconds below which this share of the requests stayed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Client:
    """One connection with one request in flight."""

    def __init__(self, port: int, make_request: Callable[[], bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._make_request = make_request
        self._buffer = b""
        self.sent_at = 0.0

    def send(self) -> None:
        """Send the next request."""
        request = self._make_request()
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Read what is there; the status once the answer is whole, else None."""
        chunk = self.socket.recv(65_536)
        if not chunk:
            raise ConnectionError("the server closed a connection in the middle of an answer")
        self._buffer += chunk
        head, end, body = self._buffer.partition(_HEAD_END)
        if not end:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return None
        self._buffer = body[length:]
        return int(head[9:12])


def run_load(port: int, make_request: Callable[[], bytes], *, clients: int, seconds: float) -> Outcome:
    """Keep `clients` requests in flight for so many seconds, then let the last ones end.

    `make_request` returns whole HTTP/1.1 requests. Raises ConnectionError when the server drops one.
    """
    outcome = Outcome()
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for _ in range(clients):
            client = _Client(port, make_request)
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send()
        running = clients
        while running:
            for key, _ in selector.select(timeout=60):
                client = key.data
                status = client.receive()
                if status is None:
                    continue
                now = time.perf_counter()
                outcome.statuses[status] += 1
                outcome.latencies.append(now - client.sent_at)
                if now - began < seconds:
                    client.send()
                else:
                    selector.unregister(client.socket)
                    client.socket.close()
                    running -= 1
        outcome.seconds = time.perf_counter() - began
    return outcome


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEAD_END + body

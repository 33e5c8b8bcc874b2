"""A peer that behaves as told: slow, dropping, failing, lying."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from waybill_common.sessions import Connector, ConnectorOptions

Behaviour = Callable[["Conversation"], None]


@dataclass
class Conversation:
    """One request as it came in, and the socket to misbehave on."""

    sock: socket.socket
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    released: threading.Event

    def send(self, raw: bytes) -> None:
        self.sock.sendall(raw)

    def answer(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def hang(self) -> None:
        """Say nothing until the test is over, then go."""
        self.released.wait(30)
        self.drop()

    def drop(self) -> None:
        """Cut the connection without a word, so that the client sees a reset or an end of file."""
        self.sock.shutdown(socket.SHUT_RDWR)


def ok(talk: Conversation) -> None:
    talk.answer(200)


def status(code: int, **headers: str) -> Behaviour:
    return lambda talk: talk.answer(code, **headers)


@dataclass
class Peer:
    """A local HTTP server; `script` is used up one behaviour a request, then `default` answers."""

    default: Behaviour = ok
    script: list[Behaviour] = field(default_factory=list)
    requests: list[Conversation] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def release(self) -> None:
        """Let every hanging request end."""
        self._released.set()

    def stop(self) -> None:
        self.release()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=[sock], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(20)
        with sock, sock.makefile("rb") as reader:
            try:
                while (line := reader.readline()) and not self._released.is_set():
                    self._handle(sock, reader, line)
            except OSError:
                return  # the client went away, as some tests make it

    def _handle(self, sock, reader, line: bytes) -> None:
        method, path, _ = line.decode().split(" ", 2)
        headers = {}
        while (header := reader.readline().strip()) != b"":
            name, _, value = header.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        talk = Conversation(sock, method, path, headers, body, self._released)
        with self._lock:
            self.requests.append(talk)
            behaviour = self.script.pop(0) if self.script else self.default
        behaviour(talk)


@pytest.fixture
def peer() -> Iterator[Peer]:
    server = Peer()
    yield server
    server.stop()


@pytest.fixture
def connect(peer: Peer) -> Iterator[Callable[..., Connector]]:
    """Make a connector to the peer that does not sleep between tries, with these options; its pauses are kept."""
    made: list[Connector] = []

    def make(tokens=None, metrics=None, url: str | None = None, **options) -> Connector:
        defaults = {"backoff_seconds": 0.0}
        connector = Connector("peer", url or peer.url, ConnectorOptions(**(defaults | options)), tokens, metrics)
        connector.pauses = []
        connector._sleep = connector.pauses.append
        made.append(connector)
        return connector

    yield make
    for connector in made:
        connector.close()

"""A gateway of its own for each test, on a migrated database, with a receiver of its webhooks."""

import secrets
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from waybill_common.database import migrate
from waybill_sandbox.config import Settings
from waybill_sandbox.server import GatewayServer
from waybill_testkit.waiting import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """Keeps what the gateway sent; answers with the scripted statuses first, then 200."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((dict(self.headers), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Client:
    """The gateway as its callers use it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def charge(self, token: str, key: str | None = None, **members: Any) -> requests.Response:
        body = {"amount": euros(1000), "token": token, "reference": "pay_1", "capture": True} | members
        return self.post("/charges", body, key)

    def post(self, path: str, body: Any = None, key: str | None = None) -> requests.Response:
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        return requests.post(self.url + path, json=body, headers=headers, timeout=20)

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=20)
        answer.raise_for_status()
        return answer.json()


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def sandbox_database(fresh_database: Callable[..., str]) -> str:
    return fresh_database("sandbox", lambda url: migrate(url, "waybill_sandbox"))


@pytest.fixture
def start_gateway(sandbox_database: str, receiver: Receiver) -> Iterator[Callable[..., GatewayServer]]:
    servers: list[GatewayServer] = []

    def start(**changes: Any) -> GatewayServer:
        values = {
            "database_url": sandbox_database,
            "web_port": free_port(),
            "webhook_url": receiver.url,
            "webhook_secret": SECRET,
            "webhook_backoff_seconds": 0.02,
            "timeout_seconds": 0.0,
            "async_seconds": 0.0,
        }
        servers.append(GatewayServer(Settings.model_validate(values | changes)))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def client(start_gateway: Callable[..., GatewayServer]) -> Client:
    return Client(start_gateway().url)

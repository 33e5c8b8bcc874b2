"""What the HTTP rows stand on: a PostgreSQL with fsync, an orders database, tokens with their keys, gunicorn."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import psutil
import psycopg2
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from waybill_common.database import migrate
from waybill_common.ids import uuid7
from waybill_testkit.postgres import PostgresOptions, PostgresServer
from waybill_testkit.waiting import eventually, free_port

SKUS = 1000
_STOCK = 1_000_000_000


@dataclass(frozen=True)
class Stage:
    """A database with products and stock, a token that orders accepts, and where its keys are published."""

    postgres: PostgresServer
    database_url: str
    token: str
    jwks_url: str


@contextmanager
def orders_stage() -> Iterator[Stage]:
    """Start the servers and fill the database; stop them at the end."""
    postgres = PostgresServer(PostgresOptions(fsync=True))
    try:
        url = postgres.create_database("orders")
        migrate(url, "waybill_orders")
        _fill(url)
        with _published_keys() as (token, jwks_url):
            yield Stage(postgres, url, token, jwks_url)
    finally:
        postgres.close()


@contextmanager
def gunicorn(
    application: str, stage: Stage, threads: int = 4, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[int, psutil.Process]]:
    """Run two gthread workers of the application, with further settings, and yield its port and master."""
    port = free_port()
    environment = {
        **os.environ,  # noqa: TID251 - handed to the child
        "WAYBILL_ORDERS_DATABASE_URL": stage.database_url,
        "WAYBILL_ORDERS_DATABASE_POOL_SIZE": str(threads),
        "WAYBILL_ORDERS_WEB_PORT": str(port),
        "WAYBILL_ISSUER": "http://127.0.0.1:8081",
        "WAYBILL_JWKS_URL": stage.jwks_url,
        "PROMETHEUS_MULTIPROC_DIR": tempfile.mkdtemp(prefix="waybill-bench-"),
        **(settings or {}),
    }
    bind = [f"--bind=127.0.0.1:{port}"]
    if application.startswith("waybill_"):
        bind.append(f"--bind=127.0.0.1:{port + 1000}")
    command = [sys.executable, "-m", "gunicorn", application, "--config=python:waybill_common.http.gunicorn_conf"]
    with Path(os.devnull).open("w") as quiet:
        process = subprocess.Popen(
            [*command, *bind, "--workers=2", f"--threads={threads}"],
            env=environment,
            stderr=quiet,
            cwd=Path(__file__).parent.parent,
        )
    try:
        if not eventually(lambda: _answers(port), within_seconds=60):
            raise RuntimeError(f"{application} did not start")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


def cpu_seconds(*trees: psutil.Process) -> float:
    """Return the CPU time that these processes and their children have used."""
    total = 0.0
    for tree in trees:
        for process in [tree, *tree.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _fill(url: str) -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO products (sku, name, unit_price_minor, currency, active) "
            "SELECT 'SKU-' || n, 'Thing ' || n, 1999, 'EUR', true FROM generate_series(0, %s) n",
            (SKUS - 1,),
        )
        cursor.execute("INSERT INTO stock (sku, on_hand) SELECT sku, %s FROM products", (_STOCK,))
    connection.close()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/openapi.json", timeout=5).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def _published_keys() -> Iterator[tuple[str, str]]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": "bench", "use": "sig", "alg": "ES256"}
    body = json.dumps({"keys": [public]}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield _token(key), f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
    finally:
        server.shutdown()
        server.server_close()


def _token(key: ec.EllipticCurvePrivateKey) -> str:
    now = int(time.time())
    claims = {
        "iss": "http://127.0.0.1:8081",
        "aud": ["auth", "orders", "notifier"],
        "sub": f"usr_{uuid7().hex}",
        "client_id": "waybill",
        "iat": now,
        "exp": now + 3600,
        "jti": uuid7().hex,
        "sid": f"ses_{uuid7().hex}",
        "scope": "",
        "roles": ["customer"],
        "amr": ["pwd"],
        "auth_time": now,
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"typ": "at+jwt", "kid": "bench"})

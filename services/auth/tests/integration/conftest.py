"""An auth service on a fresh database, driven through its HTTP face."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from waybill_auth.app import create_app
from waybill_auth.bootstrap import Commands, Dependencies, build_web, build_worker
from waybill_auth.config import Settings
from waybill_auth.use_cases.change_roles import ChangeRole
from waybill_common.database import migrate
from waybill_common.settings import load_settings
from werkzeug.test import TestResponse

PASSWORD = "nine purple kettles sing"
CLIENT_SECRET = "orders-secret:with%signs"
BASE_URL = "https://shop.example"


def ring(letter: str) -> str:
    return f"k1:{base64.b64encode(letter.encode() * 32).decode()}"


CLIENTS = json.dumps(
    [
        {
            "id": "svc_orders",
            "secret_sha256": [hashlib.sha256(CLIENT_SECRET.encode()).hexdigest()],
            "audiences": ["auth", "notifier"],
            "scopes": ["auth:contact", "auth:revocations"],
        },
        {
            "id": "svc_notifier",
            "secret_sha256": hashlib.sha256(b"notifier-secret").hexdigest(),
            "audiences": ["auth"],
            "scopes": ["auth:contact", "auth:mail", "auth:revocations"],
        },
    ]
)

GENEROUS = {
    "LOGIN_IP_LIMIT": "100000",
    "REGISTER_IP_LIMIT": "100000",
    "FORGOT_IP_LIMIT": "100000",
    "REFRESH_IP_LIMIT": "100000",
    "MAIL_BURST_LIMIT": "1000",
    "MAIL_DAILY_LIMIT": "10000",
}


@dataclass
class Auth:
    """One service under test."""

    settings: Settings
    dependencies: Dependencies
    app: Flask

    @cached_property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    @cached_property
    def engine(self) -> sa.Engine:
        return sa.create_engine(self.settings.database_url.get_secret_value(), poolclass=sa.pool.NullPool)

    @cached_property
    def commands(self) -> Commands:
        return Commands(self.settings)

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    def post(self, path: str, body: Any = None, token: str | None = None, **options: Any) -> TestResponse:
        return self.call("POST", path, body, token, **options)

    def get(self, path: str, token: str | None = None, **options: Any) -> TestResponse:
        return self.call("GET", path, None, token, **options)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, **options: Any) -> TestResponse:
        headers = options.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        if body is not None:
            options["json"] = body
        # A client of its own for each call: threads share none.
        return self.app.test_client().open(path, method=method, headers=headers, **options)

    def service_token(self, client: str = "svc_notifier", secret: str = "notifier-secret", **form: str) -> str:
        answer = self.client.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "resource": "urn:waybill:auth",
                "client_id": client,
                "client_secret": secret,
                **form,
            },
        )
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return str(answer.json["access_token"])

    def mail(self, email: str, purpose: str) -> dict[str, Any]:
        """What the notifier gets for the newest mail of this purpose."""
        rows = self.sql(
            "SELECT m.id FROM mail_request m JOIN users u ON u.id = m.user_id "
            "WHERE u.email = :email AND m.purpose = :purpose ORDER BY m.created_at DESC, m.id DESC",
            email=email,
            purpose=purpose,
        )
        answer = self.get(f"/internal/mail-requests/{rows[0].id}", self.service_token())
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return dict(answer.json)

    def mail_token(self, email: str, purpose: str) -> str:
        return str(self.mail(email, purpose)["link"].partition("#token=")[2])

    def register(self, email: str, password: str = PASSWORD, **more: Any) -> TestResponse:
        return self.post("/v1/register", {"email": email, "password": password, **more})

    def verify(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/v1/email/verify", {"token": self.mail_token(email, "verify"), "password": password})

    def member(self, email: str = "kim@example.com", password: str = PASSWORD) -> str:
        """Make a verified account and return its id."""
        assert self.register(email, password).status_code == 202
        assert self.verify(email, password).status_code == 204
        return str(self.sql("SELECT id FROM users WHERE email = :email", email=email)[0].id)

    def log_in(self, email: str = "kim@example.com", password: str = PASSWORD, **options: Any) -> TestResponse:
        return self.post("/v1/login", {"email": email, "password": password}, **options)

    def tokens(self, email: str = "kim@example.com", password: str = PASSWORD) -> dict[str, Any]:
        answer = self.log_in(email, password)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return dict(answer.json)

    def refresh(self, refresh_token: str) -> TestResponse:
        return self.post("/v1/token/refresh", {"refresh_token": refresh_token})

    def grant(self, email: str, role: str) -> None:
        self.commands.change_role(ChangeRole(email, role, grants=True))

    def events(self, kind: str = "%") -> list[Any]:
        return self.sql(
            "SELECT type, subject, sequence, data FROM event_log WHERE type LIKE :kind ORDER BY position", kind=kind
        )

    def run_housekeeping(self) -> None:
        parts = build_worker(self.settings)
        parts.housekeeping.rotate_keys()
        parts.housekeeping.purge_expired()
        parts.close()

    def close(self) -> None:
        self.commands.close()
        self.dependencies.close()
        self.engine.dispose()


MakeAuth = Callable[..., Auth]


def _build(url: str) -> None:
    migrate(url, "waybill_auth")


@pytest.fixture
def make_auth(fresh_database: Callable[..., str]) -> Iterator[MakeAuth]:
    """`make_auth(HASH_COST="5")` makes a service with these settings, on its own migrated database or a given one."""
    made: list[Auth] = []

    def make(url: str | None = None, **changes: str) -> Auth:
        url = url or fresh_database("waybill_auth", _build)
        values = {
            "DATABASE_URL": url,
            "PEPPERS": ring("p"),
            "KEY_ENCRYPTION_KEYS": ring("k"),
            "LINK_KEYS": ring("l"),
            "CLIENTS": CLIENTS,
            "HASH_COST": "4",
            "HASH_SLOTS": "4",
            "WEB_THREADS": "64",
            **GENEROUS,
            **changes,
        }
        environ = {f"WAYBILL_AUTH_{name}": value for name, value in values.items()}
        shared = {name: environ.pop(f"WAYBILL_AUTH_{name}") for name in ("PUBLIC_BASE_URL",) if name in changes}
        environ |= {"WAYBILL_PUBLIC_BASE_URL": shared.get("PUBLIC_BASE_URL", BASE_URL)}
        settings = load_settings(Settings, environ)
        dependencies = build_web(settings)
        auth = Auth(settings, dependencies, create_app(dependencies))
        auth.commands.reconcile_clients()
        auth.commands.rotate_keys(is_asked_for=False)
        made.append(auth)
        return auth

    yield make
    for auth in made:
        auth.close()


@pytest.fixture
def auth(make_auth: MakeAuth) -> Auth:
    return make_auth()

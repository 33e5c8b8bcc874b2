"""Which settings each service gets, so that all of them find one another on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from waybill_standalone.config import DATABASES, SERVICES, StandaloneSettings
from waybill_standalone.home import Home

# What each service may ask of the others with its own token (`http.md`, scopes marked i).
_CLIENTS: Mapping[str, tuple[str, ...]] = {
    "orders": ("auth:contact", "auth:revocations"),
    "notifier": ("auth:contact", "auth:mail", "auth:revocations"),
}


@dataclass(frozen=True)
class Addresses:
    """Where the servers are that the services stand on."""

    databases: Mapping[str, str]
    amqp_url: str
    smtp_url: str


def service_environment(settings: StandaloneSettings, home: Home, addresses: Addresses) -> dict[str, str]:
    """The environment of every service: what we found out below what the caller has set himself."""
    made = {
        **{f"WAYBILL_{name.upper()}_DATABASE_URL": addresses.databases[name] for name in DATABASES},
        **{f"WAYBILL_{name.upper()}_WEB_PORT": str(settings.ports[name]) for name in (*SERVICES, "sandbox")},
        **{f"WAYBILL_{name.upper()}_URL": settings.url(name) for name in SERVICES},
        "WAYBILL_GATEWAY_URL": settings.url("sandbox"),
        "WAYBILL_AMQP_URL": addresses.amqp_url,
        "WAYBILL_SMTP_URL": addresses.smtp_url,
        **_secrets(home),
        **_clients(home),
        **_webhooks(settings, home),
    }
    given = {name: value for name, value in settings.environment.items() if value}
    return {name: value for name, value in made.items() if f"{name}_FILE" not in given} | given


def program_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The same for a child process, whose commands are looked for beside this Python first."""
    path = f"{Path(sys.executable).parent}:{environment.get('PATH', '/usr/bin:/bin')}"
    return {**environment, "PATH": path, "PYTHONUNBUFFERED": "1"}


def _secrets(home: Home) -> dict[str, str]:
    names = ("AUTH_PEPPERS", "AUTH_KEY_ENCRYPTION_KEYS", "AUTH_LINK_KEYS")
    keyed = {f"WAYBILL_{name}": home.secret(name.lower(), _keyed_secret) for name in names}
    return {**keyed, "WAYBILL_NOTIFIER_SECRET_KEY": home.secret("notifier_secret_key")}


def _keyed_secret() -> str:
    """`id:base64` of 32 random bytes, the form of auth's mounted secrets."""
    return f"k1:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}"


def _clients(home: Home) -> dict[str, str]:
    """Each service's own OAuth client, and the list of them for auth, which knows only the hashes."""
    environment: dict[str, str] = {}
    declared = []
    for service, scopes in _CLIENTS.items():
        secret = home.secret(f"{service}_client")
        environment[f"WAYBILL_{service.upper()}_CLIENT_ID"] = f"svc_{service}"
        environment[f"WAYBILL_{service.upper()}_CLIENT_SECRET"] = secret
        declared.append(
            {
                "id": f"svc_{service}",
                "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
                "audiences": ["auth"],
                "scopes": list(scopes),
                "introspects": [service],
            }
        )
    return {**environment, "WAYBILL_AUTH_CLIENTS": json.dumps(declared)}


def _webhooks(settings: StandaloneSettings, home: Home) -> dict[str, str]:
    secret = home.secret("webhook", lambda: f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}")
    return {
        "WAYBILL_SANDBOX_WEBHOOK_URL": f"{settings.url('orders')}/v1/webhooks/payments/sandbox",
        "WAYBILL_SANDBOX_WEBHOOK_SECRET": secret,
        "WAYBILL_ORDERS_WEBHOOK_SECRET": secret,
    }

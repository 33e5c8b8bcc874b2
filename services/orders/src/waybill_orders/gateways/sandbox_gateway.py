"""The sandbox payment gateway behind the port `PaymentGateway`, and its signed webhooks."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
import requests
from standardwebhooks import Webhook, WebhookVerificationError
from waybill_common.sessions import Connector, PeerError

from waybill_orders.domain.payment_errors import GatewayRefusedError, GatewayUnansweredError, WebhookRefusedError
from waybill_orders.domain.payments import ChargeFacts, GatewayEvent, Payment
from waybill_orders.domain.refunds import Refund

NAME = "sandbox"
_LONGEST_CODE = 64  # what the events' contract allows
_STATUSES = frozenset({"authorized", "captured", "pending", "declined", "voided"})


class SandboxGateway:
    """Adapter of the port `PaymentGateway` over a connector, which bounds and repeats the calls.

    No answer, a 5xx and an open breaker are all the same to the caller: it stays unknown what happened.
    """

    name = NAME

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def charge(self, payment: Payment) -> ChargeFacts:
        """`POST /charges` under the payment's reference, which is its key as well."""
        body = {
            "amount": {"amount": payment.amount_minor, "currency": payment.currency},
            "token": payment.method["token"],
            "reference": payment.reference,
            "capture": payment.capture,
        }
        return _facts(self._ask("POST", "/charges", body, payment.gateway_key))

    def find(self, reference: str) -> ChargeFacts | None:
        """`GET /charges?reference=`; of several charges the first, which can only be a fault of ours."""
        charges = self._ask("GET", f"/charges?reference={quote(reference, safe='')}")["data"]
        return _facts(charges[0]) if charges else None

    def capture(self, payment: Payment) -> ChargeFacts:
        """`POST /charges/{id}/capture` of the amount in flight."""
        body = {"amount": {"amount": payment.operation_minor, "currency": payment.currency}}
        return _facts(self._ask("POST", f"{_path(payment.gateway_charge_id)}/capture", body, payment.gateway_key))

    def void(self, payment: Payment) -> ChargeFacts:
        """`POST /charges/{id}/void`."""
        return _facts(self._ask("POST", f"{_path(payment.gateway_charge_id)}/void", {}, payment.gateway_key))

    def refund(self, refund: Refund, charge_id: str) -> None:
        """`POST /charges/{id}/refund`."""
        body = {"amount": {"amount": refund.amount_minor, "currency": refund.currency}}
        self._ask("POST", f"{_path(charge_id)}/refund", body, refund.reference)

    def _ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> dict[str, Any]:
        try:
            answer = self._connector.request(method, path, json=body, idempotency_key=key)
        except PeerError as error:
            raise GatewayUnansweredError(str(error)) from error
        told = _object(answer)
        if answer.status_code in (408, 425, 429):
            raise GatewayUnansweredError(f"{method} {path} was put off with {answer.status_code}")
        if answer.status_code >= 400 and answer.status_code != 402:
            raise GatewayRefusedError(_code(told.get("code")) or f"http_{answer.status_code}")
        return told


class SandboxWebhooks:
    """Adapter of the port `WebhookReader`: Standard Webhooks, HMAC-SHA256 over the raw body, 300 s of tolerance."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret) if secret else None

    def read(self, headers: Mapping[str, str], raw: bytes) -> GatewayEvent:
        """Return the event; raises WebhookRefusedError for one that is forged, old or unreadable."""
        if self._webhook is None:
            raise WebhookRefusedError("no secret is configured here (WAYBILL_ORDERS_WEBHOOK_SECRET)")
        try:
            payload = self._webhook.verify(raw, dict(headers))
        except (WebhookVerificationError, ValueError) as error:  # the library lets malformed base64 and JSON through
            raise WebhookRefusedError(str(error)) from error
        if not isinstance(payload, dict):
            raise WebhookRefusedError("its body is no JSON object")
        event_id = {name.lower(): value for name, value in headers.items()}["webhook-id"]
        return GatewayEvent(NAME, event_id, _event_facts(payload), payload)


def _event_facts(payload: Mapping[str, Any]) -> ChargeFacts | None:
    charge = payload.get("data")
    if not str(payload.get("type")).startswith("charge.") or not isinstance(charge, dict):
        return None
    try:
        return _facts(charge)
    except GatewayUnansweredError:
        return None


def _facts(charge: Mapping[str, Any]) -> ChargeFacts:
    try:
        if charge["status"] not in _STATUSES:
            raise GatewayUnansweredError(f"the gateway tells of an unknown status {charge['status']!r}")
        return ChargeFacts(
            charge_id=charge["id"],
            reference=charge["reference"],
            status=charge["status"],
            captured_minor=int(charge["captured"]["amount"]),
            released_minor=int(charge["released"]["amount"]),
            code=_code(charge.get("code")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GatewayUnansweredError(f"the gateway's charge cannot be read: {error!r}") from error


def _code(code: object) -> str | None:
    return str(code)[:_LONGEST_CODE] if code else None


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        told = orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        raise GatewayUnansweredError(f"the gateway answered {answer.status_code} without JSON") from error
    if not isinstance(told, dict):
        raise GatewayUnansweredError(f"the gateway answered {answer.status_code} without an object")
    return told


def _path(charge_id: str | None) -> str:
    if charge_id is None:
        raise ValueError("a charge that the gateway has not named cannot be changed")
    return f"/charges/{quote(charge_id, safe='')}"

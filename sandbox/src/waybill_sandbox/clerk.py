"""The gateway's back office: one thread settles asynchronous charges and delivers signed webhooks until 2xx."""

import threading
from dataclasses import dataclass, field

import requests
import sqlalchemy as sa
from standardwebhooks import Webhook
from waybill_common.clock import utc_now
from waybill_common.telemetry import get_logger

from waybill_sandbox import store
from waybill_sandbox.ledger import Ledger
from waybill_sandbox.store import WaitingWebhook

_LONGEST_WAIT_SECONDS = 5.0
_LONGEST_BACKOFF_SECONDS = 30.0
_log = get_logger(__name__)


@dataclass(frozen=True)
class WebhookTarget:
    """Where webhooks go; an empty URL keeps them waiting in their rows."""

    url: str
    secret: str = field(repr=False)
    timeout_seconds: float = 5.0
    backoff_seconds: float = 0.5


class Bell:
    """Wakes the clerk: after a commit, and when the process is to end."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wake whoever waits, or the next one who does."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Return when the bell rings, at the latest after this many seconds."""
        self._event.wait(seconds)
        self._event.clear()


class Clerk:
    """Works off what is due, row by row; an id and a body stay the same in every attempt (Standard Webhooks 1.0)."""

    def __init__(self, engine: sa.Engine, ledger: Ledger, target: WebhookTarget, bell: Bell) -> None:
        self._engine = engine
        self._ledger = ledger
        self._target = target
        self._bell = bell
        self._session = requests.Session()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set and the bell has rung; a database that is away is waited for."""
        while not stop.is_set():
            try:
                pause_seconds = self._work()
            except sa.exc.SQLAlchemyError as error:
                _log.warning("clerk_waits_for_database", error=str(error))
                pause_seconds = 1.0
            if pause_seconds > 0:
                self._bell.wait(pause_seconds)
        self._session.close()

    def _work(self) -> float:
        did = self._ledger.settle_one()
        if self._target.url:
            did = self._deliver_one() or did
        if did:
            return 0.0
        with self._engine.connect() as connection:
            seconds = store.seconds_until_due(connection, sends=bool(self._target.url))
        return _LONGEST_WAIT_SECONDS if seconds is None else min(max(seconds, 0.001), _LONGEST_WAIT_SECONDS)

    def _deliver_one(self) -> bool:
        with self._engine.connect() as connection:
            webhook = store.due_webhook(connection)
        if webhook is None:
            return False
        error = self._send(webhook)
        with self._engine.begin() as connection:
            if error is None:
                store.webhook_delivered(connection, webhook.id)
            else:
                store.webhook_failed(connection, webhook.id, error, self._pause_after(webhook))
        return True

    def _send(self, webhook: WaitingWebhook) -> str | None:
        moment = utc_now()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": webhook.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(self._target.secret).sign(webhook.id, moment, webhook.body),
        }
        try:
            answer = self._session.post(
                self._target.url,
                data=webhook.body.encode(),
                headers=headers,
                timeout=self._target.timeout_seconds,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.ok and answer.status_code < 300 else f"answered {answer.status_code}"

    def _pause_after(self, webhook: WaitingWebhook) -> float:
        return min(self._target.backoff_seconds * 2.0 ** min(webhook.attempts, 16), _LONGEST_BACKOFF_SECONDS)

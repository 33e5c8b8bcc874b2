"""The gateway as a server: application, back office and threads of one process."""

import threading
from dataclasses import dataclass

import flask
import sqlalchemy as sa
from waybill_common.database import EngineOptions, make_engine
from waybill_common.telemetry import get_logger
from werkzeug.serving import WSGIRequestHandler, make_server

from waybill_sandbox.clerk import Bell, Clerk, WebhookTarget
from waybill_sandbox.config import Settings
from waybill_sandbox.ledger import Ledger
from waybill_sandbox.views import Delays, add_error_handlers, make_blueprint

_MAX_BODY_BYTES = 16 * 1024
_POLL_SECONDS = 0.05
_log = get_logger(__name__)


class _KeepAliveHandler(WSGIRequestHandler):
    """Keeps connections open, as callers with a pool expect, and leaves the log to the application."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log one line a request."""
        _log.info("request", method=self.command, path=self.path, status=str(code), size=str(size))


@dataclass(frozen=True)
class Parts:
    """What a running gateway is made of."""

    app: flask.Flask
    clerk: Clerk
    bell: Bell
    engine: sa.Engine
    closing: threading.Event


def build(settings: Settings) -> Parts:
    """Fit a gateway together from its settings; opens nothing yet."""
    options = EngineOptions(
        application_name="waybill-sandbox",
        pool_size=settings.database_pool_size,
        max_overflow=settings.web_threads,
        pool_timeout_seconds=settings.database_pool_timeout_seconds,
        statement_timeout_ms=settings.statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
    )
    engine = make_engine(settings.database_url.get_secret_value(), options)
    bell, closing = Bell(), threading.Event()
    ledger = Ledger(engine, settings.async_seconds, bell.ring)
    target = WebhookTarget(
        settings.webhook_url,
        settings.webhook_secret.get_secret_value(),
        settings.webhook_timeout_seconds,
        settings.webhook_backoff_seconds,
    )
    app = create_app(ledger, engine, Delays(settings.timeout_seconds, closing))
    return Parts(app, Clerk(engine, ledger, target, bell), bell, engine, closing)


def create_app(ledger: Ledger, engine: sa.Engine, delays: Delays) -> flask.Flask:
    """Return the WSGI application."""
    app = flask.Flask("waybill_sandbox")
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES
    app.register_blueprint(make_blueprint(ledger, engine, delays))
    add_error_handlers(app)
    return app


class GatewayServer:
    """A gateway that listens: started and stopped from outside, in a process of its own or in a test's."""

    def __init__(self, settings: Settings) -> None:
        self._parts = build(settings)
        self._server = make_server(
            settings.web_host, settings.web_port, self._parts.app, threaded=True, request_handler=_KeepAliveHandler
        )
        self.url = f"http://{settings.web_host}:{self._server.server_port}"
        self._threads = (
            threading.Thread(
                target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="web", daemon=True
            ),
            threading.Thread(target=self._parts.clerk.run, args=(self._parts.closing,), name="clerk", daemon=True),
        )

    def start(self) -> None:
        """Answer requests and send webhooks until `stop`."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop listening, end every wait, and close what was opened."""
        self._parts.closing.set()
        self._parts.bell.ring()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=10)
        self._parts.engine.dispose()

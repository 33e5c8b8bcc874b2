"""Runs the mail catcher: SMTP and page, in threads of this process."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from waybill_sandbox.mail.app import create_mail_app
from waybill_sandbox.mail.catcher import MailCatcher
from waybill_sandbox.mail.store import MailStore


@dataclass(frozen=True)
class MailAddress:
    """Where the mail catcher listens: for SMTP and for the page."""

    smtp_port: int
    web_port: int
    host: str = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    """The page asks for news every few seconds; a log line for each would hide what matters."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


class MailService:
    """SMTP and the page at `address`, with the mails in the file `path`."""

    def __init__(self, path: Path, address: MailAddress) -> None:
        """Bind the page's port; raises OSError when it is taken."""
        self._store = MailStore(path)
        self._catcher = MailCatcher(self._store, address.host, address.smtp_port)
        app = create_mail_app(self._store)
        self._web = make_server(address.host, address.web_port, app, threaded=True, request_handler=_QuietHandler)
        self._thread = threading.Thread(
            target=self._web.serve_forever, kwargs={"poll_interval": 0.05}, name="mail-web", daemon=True
        )

    def start(self) -> None:
        """Listen on both; raises OSError when the SMTP port is taken."""
        self._catcher.start()
        self._thread.start()

    def stop(self) -> None:
        """Close both ports and the file."""
        self._web.shutdown()
        self._web.server_close()
        self._thread.join(10)
        self._catcher.stop()
        self._store.close()

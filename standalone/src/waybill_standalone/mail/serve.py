"""Runs the mail catcher: SMTP and page, in threads of this process."""

from __future__ import annotations

from pathlib import Path

from waybill_standalone.mail.app import create_mail_app
from waybill_standalone.mail.catcher import MailCatcher
from waybill_standalone.mail.store import MailStore
from waybill_standalone.webserver import WebServer


class MailService:
    """SMTP on `smtp_port` and the page on `web_port`, both of 127.0.0.1, with the mails in `path`."""

    def __init__(self, path: Path, smtp_port: int, web_port: int) -> None:
        self._store = MailStore(path)
        self._catcher = MailCatcher(self._store, smtp_port)
        self._web = WebServer("mail", create_mail_app(self._store), [web_port], threads=2)

    def start(self) -> None:
        """Listen on both; raises OSError when a port is taken."""
        self._catcher.start()
        self._web.start()

    def stop(self) -> None:
        """Close both ports and the file."""
        self._web.stop()
        self._catcher.stop()
        self._store.close()

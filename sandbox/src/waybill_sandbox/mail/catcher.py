"""The SMTP side of the mail catcher."""

from __future__ import annotations

from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from waybill_sandbox.mail.store import MailStore


class MailCatcher:
    """An SMTP server that accepts every mail and sends none on."""

    def __init__(self, store: MailStore, host: str, port: int) -> None:
        """Nothing listens until `start`."""
        self._controller = Controller(
            _Keeper(store), hostname=host, port=port, enable_SMTPUTF8=True, ident="Waybill mail catcher"
        )

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        self._controller.start()

    def stop(self) -> None:
        """Close the port and the sessions."""
        self._controller.stop()


class _Keeper:
    """aiosmtpd's handler: the names of its methods are aiosmtpd's."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.content
        self._store.add(content, envelope.mail_from or "", list(envelope.rcpt_tos))
        return "250 2.0.0 kept by the mail catcher"

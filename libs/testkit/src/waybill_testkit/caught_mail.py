"""A mail as it was caught, and a person's view of it; the core of every mail catcher here, standard library only."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from functools import cached_property


@dataclass(frozen=True)
class CaughtMail:
    """One accepted mail: envelope and raw bytes (CRLF lines, dot-stuffing undone)."""

    envelope_from: str
    recipients: tuple[str, ...]
    raw: bytes
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def message(self) -> EmailMessage:
        """The parsed mail."""
        return BytesParser(policy=policy.default).parsebytes(self.raw)

    @property
    def subject(self) -> str:
        """The decoded subject, empty when there is none."""
        return str(self.message["Subject"] or "")

    @property
    def message_id(self) -> str:
        """The Message-ID with its angle brackets, empty when there is none."""
        return str(self.message["Message-ID"] or "").strip()

    @property
    def text(self) -> str:
        """The text/plain body, empty when there is none."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The text/html body, empty when there is none."""
        return self._body("html")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers, decoded, in their order."""
        return [(name, str(value)) for name, value in self.message.items()]

    def _body(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        return "" if part is None else str(part.get_content())

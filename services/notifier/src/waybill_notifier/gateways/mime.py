"""Builds the bytes of a mail exactly as messaging.md §11.1–11.2 says, and checks them before they leave."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from functools import lru_cache

from waybill_notifier.domain.letter import Letter, UnsendableError, checked_subject, message_id_of, thread_id_of
from waybill_notifier.gateways.addresses import WireAddress, wire_address

MAX_HTML_BYTES = 100 * 1024
MAX_TOTAL_BYTES = 10 * 1024 * 1024
MAX_LINE_OCTETS = 998
_ENCODED_WORD_LINE = 75

# The standard library folds these, or makes encoded words of them, as soon as they are long; a folded Message-ID or
# List-Unsubscribe no longer works. They are built here from safe characters only.
_UNFOLDED = frozenset({"message-id", "in-reply-to", "references", "list-id", "feedback-id", "x-waybill-delivery"})


class _HeaderTypes(HeaderRegistry):
    """The standard library makes a class for each header it meets, 45 for a mail and a third of its time; here once."""

    @lru_cache(maxsize=64)  # noqa: B019 - one object for the life of the process
    def __getitem__(self, name: str) -> type:
        kind: type = super().__getitem__(name)
        return kind


class WirePolicy(EmailPolicy):
    """SMTP's line ends; structured headers unfolded; the subject as encoded words of our own making."""

    def fold(self, name: str, value: str) -> str:
        """Return the header as it goes on the wire, CRLF included."""
        lowered = name.lower()
        if lowered in _UNFOLDED:
            return f"{name}: {value}{self.linesep}"
        if lowered == "subject" and not self.utf8:
            charset = "us-ascii" if value.isascii() else "utf-8"
            # `Header` never parses encoded words in its input, which the header registry of 3.11.7 and 3.12.1 does
            # (python/cpython#121650).
            subject = Header(str(value), charset, header_name=name, maxlinelen=_ENCODED_WORD_LINE)
            return f"{name}: {subject.encode(linesep=self.linesep)}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the header as bytes; only SMTPUTF8 messages hold other than ASCII."""
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii")


ASCII_HEADERS = WirePolicy(linesep="\r\n", max_line_length=78, cte_type="7bit", header_factory=_HeaderTypes())
UTF8_HEADERS = ASCII_HEADERS.clone(utf8=True)


@dataclass(frozen=True)
class Stationery:
    """What every mail of this shop has in common."""

    from_name: str
    from_address: str
    reply_to: str | None
    mail_domain: str


@dataclass(frozen=True)
class BuiltMail:
    """A mail for the wire: CRLF lines, no dot-stuffing; `needs_smtputf8` when its headers are UTF-8."""

    to: WireAddress
    content: bytes
    message_id: str

    @property
    def needs_smtputf8(self) -> bool:
        """True when only a server that offers SMTPUTF8 can take this mail."""
        return self.to.needs_smtputf8


def _now() -> datetime:
    return datetime.now(UTC)


def build_mail(letter: Letter, stationery: Stationery, now: Callable[[], datetime] = _now) -> BuiltMail:
    """Make a letter into bytes: multipart/alternative, text first.

    Raises UnsendableError for a subject or address that cannot stand in a header, and for a body that is too large.
    """
    to = wire_address(letter.to)
    message = EmailMessage(policy=UTF8_HEADERS if to.needs_smtputf8 else ASCII_HEADERS)
    headers = _headers(letter, stationery, to, now())
    rendered = letter.rendered
    if len(rendered.html.encode()) > MAX_HTML_BYTES:
        raise UnsendableError("too_large", f"The HTML part is over {MAX_HTML_BYTES} octets, where clients clip it.")
    message.set_content(rendered.text, cte=_transfer_encoding(rendered.text))
    message.add_alternative(rendered.html, subtype="html", cte=_transfer_encoding(rendered.html))
    # Left to itself the library compiles a pattern for each mail to look whether a body holds its boundary.
    message.set_boundary(f"=_{secrets.token_hex(16)}")
    # Only now: making a body multipart moves every Content-* header into its first part, Content-Language too.
    for name, value in headers:
        message[name] = value
    content = message.as_bytes()
    _check(content, expected=[name.lower() for name, _ in headers])
    return BuiltMail(to, content, message_id_of(letter.delivery_id, stationery.mail_domain))


def _headers(letter: Letter, stationery: Stationery, to: WireAddress, now: datetime) -> list[tuple[str, str | Address]]:
    domain = stationery.mail_domain
    headers: list[tuple[str, str | Address]] = [
        ("From", Address(stationery.from_name, addr_spec=stationery.from_address)),
        ("To", Address(username=to.local, domain=to.domain)),
        ("Subject", checked_subject(letter.rendered.subject)),
        ("Date", format_datetime(now)),
        ("Message-ID", message_id_of(letter.delivery_id, domain)),
        ("X-Waybill-Delivery", letter.delivery_id),
    ]
    if letter.order_id is not None:
        thread = thread_id_of(letter.order_id, domain)
        headers += [("In-Reply-To", thread), ("References", thread)]
    if stationery.reply_to is not None:
        headers.append(("Reply-To", Address(addr_spec=stationery.reply_to)))
    return [
        *headers,
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("List-ID", f"<{letter.category}.{domain}>"),
        ("Feedback-ID", f"{letter.category}:waybill"),
        ("Content-Language", letter.rendered.locale),
    ]


def _transfer_encoding(body: str) -> str:
    """7bit for pure ASCII with lines that SMTP takes, else quoted-printable; never raw 8bit, never base64."""
    fits = body.isascii() and all(len(line) <= MAX_LINE_OCTETS for line in body.splitlines())
    return "7bit" if fits else "quoted-printable"


def _check(content: bytes, expected: list[str]) -> None:
    """Compare the header block with what was meant: the last wall against an injected header.

    Raises UnsendableError when a header appears, is lost or doubled, a line is too long or the mail too large.
    """
    if len(content) > MAX_TOTAL_BYTES:
        raise UnsendableError("too_large", f"The mail is over {MAX_TOTAL_BYTES} octets.")
    block = content.partition(b"\r\n\r\n")[0]
    lines = [line for line in block.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    names = sorted(line.partition(b":")[0].decode("ascii", "replace").lower() for line in lines)
    if names != sorted([*expected, "mime-version", "content-type"]):
        raise UnsendableError("bad_headers", "The header block of the mail is not the one that was built.")
    if any(len(line) > MAX_LINE_OCTETS for line in content.split(b"\r\n")):
        raise UnsendableError("bad_lines", f"A line of the mail is over {MAX_LINE_OCTETS} octets.")

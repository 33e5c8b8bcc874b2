"""Which SMTP answer means what: the table of messaging.md §11.4, first matching row wins."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The step of an SMTP session that an answer belongs to."""

    CONNECT = "connect"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"


class FailureClass(StrEnum):
    """What a failure says about the mail, the address or the provider."""

    PROVIDER_TRANSIENT = "provider_transient"
    PROVIDER_RATE = "provider_rate"
    CONFIGURATION = "configuration"
    TRANSIENT = "transient"
    MAILBOX_FULL = "mailbox_full"
    ADDRESS = "address"
    POLICY = "policy"
    MESSAGE = "message"
    PROTOCOL = "protocol"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class SmtpReply:
    """One answer of the server: `code` 100–599 (-1 unreadable), `enhanced` such as "5.1.1", and the text."""

    code: int
    enhanced: str | None
    text: str


_ENHANCED = re.compile(r"\A([245]\.\d{1,3}\.\d{1,3})(?=\s|\Z)")
_HINT = re.compile(r"(\d{1,5})\s*(?:(seconds?|secs?|s)|(minutes?|mins?|m))\b", re.IGNORECASE)
_HINT_CAP_SECONDS = 3600.0
_GREYLIST_FLOOR_SECONDS = 300.0


def parse_reply(code: int, text: bytes | str) -> SmtpReply:
    """Make a reply of what smtplib read; the enhanced code (RFC 3463) counts only when its class fits the code."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    match = _ENHANCED.match(words)
    enhanced = match.group(1) if match and match.group(1)[0] == str(code)[0] else None
    return SmtpReply(code, enhanced, words)


@dataclass(frozen=True)
class _Row:
    stages: frozenset[Stage]
    codes: Collection[int]
    enhanced: tuple[str, ...]
    """Exact codes, or a prefix that ends with a dot; empty means that the enhanced code is not asked."""
    means: FailureClass

    def fits(self, stage: Stage, reply: SmtpReply) -> bool:
        return stage in self.stages and reply.code in self.codes and self._fits_enhanced(reply.enhanced)

    def _fits_enhanced(self, enhanced: str | None) -> bool:
        if not self.enhanced:
            return True
        if enhanced is None:
            return False
        return any(enhanced.startswith(e) if e.endswith(".") else enhanced == e for e in self.enhanced)


def _at(*stages: Stage) -> frozenset[Stage]:
    return frozenset(stages)


_C = FailureClass
_ANY = frozenset(Stage)
_ENVELOPE = _at(Stage.MAIL, Stage.RCPT)
_MESSAGE = _at(Stage.DATA, Stage.FINAL)
_4YZ = range(400, 500)
_5YZ = range(500, 600)
_BAD_ADDRESS = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")

TABLE: tuple[_Row, ...] = (
    _Row(_at(Stage.RCPT), (501, 550, 551, 553), _BAD_ADDRESS, _C.ADDRESS),
    _Row(_at(Stage.RCPT), (521, 556), (), _C.ADDRESS),
    _Row(_at(Stage.MAIL), (501, 550, 551, 553), ("5.1.7", "5.1.8", "5.7."), _C.CONFIGURATION),
    _Row(_ANY, range(500, 505), (), _C.PROTOCOL),
    _Row(_at(Stage.AUTH) | _ENVELOPE, (530, 535), (), _C.CONFIGURATION),
    _Row(_at(Stage.AUTH) | _ENVELOPE, _5YZ, ("5.7.8",), _C.CONFIGURATION),
    _Row(_ENVELOPE | _MESSAGE, _5YZ, ("5.3.4",), _C.MESSAGE),
    _Row(_at(Stage.MAIL), (552,), (), _C.MESSAGE),
    _Row(_at(Stage.CONNECT, Stage.AUTH, Stage.MAIL), _5YZ, (), _C.CONFIGURATION),
    _Row(_at(Stage.CONNECT, Stage.AUTH), _4YZ, (), _C.PROVIDER_TRANSIENT),
    _Row(_at(Stage.RCPT), _4YZ, ("4.7.1",), _C.TRANSIENT),
    _Row(_ENVELOPE | _MESSAGE, _4YZ, ("4.7.",), _C.PROVIDER_RATE),
    _Row(_at(Stage.MAIL), _4YZ, (), _C.PROVIDER_TRANSIENT),
    _Row(_at(Stage.RCPT), (421, 454), (), _C.PROVIDER_TRANSIENT),
    _Row(_at(Stage.RCPT) | _MESSAGE, _4YZ, (), _C.TRANSIENT),
    _Row(_at(Stage.RCPT), _5YZ, ("5.2.2",), _C.MAILBOX_FULL),
    _Row(_at(Stage.RCPT), (552,), (), _C.MAILBOX_FULL),
    _Row(_at(Stage.RCPT), _5YZ, (), _C.POLICY),
    _Row(_MESSAGE, _5YZ, (), _C.MESSAGE),
)


def classify(stage: Stage, reply: SmtpReply | None) -> FailureClass:
    """Say what a failed step means; `reply` None is a socket error, a timeout or a closed connection.

    Only silence (or an unreadable answer) after the final dot is ambiguous: the server may have taken the mail
    (RFC 1047, RFC 5321 §4.5.3.2.6).
    """
    if reply is not None:
        for row in TABLE:
            if row.fits(stage, reply):
                return row.means
    if stage is Stage.FINAL:
        return _C.AMBIGUOUS
    return _C.PROVIDER_TRANSIENT if reply is None else _C.PROTOCOL


def wait_hint_seconds(reply: SmtpReply | None) -> float | None:
    """The wait that the answer itself asks for, or None.

    "N seconds/minutes" in the text, capped at one hour; greylisting (4.7.1) without a figure asks for five minutes.
    """
    if reply is None or not 400 <= reply.code < 500:
        return None
    match = _HINT.search(reply.text)
    if match:
        factor = 60.0 if match.group(3) else 1.0
        return min(float(match.group(1)) * factor, _HINT_CAP_SECONDS)
    return _GREYLIST_FLOOR_SECONDS if reply.enhanced == "4.7.1" else None

"""Hands mails to an SMTP server over warm connections and reports every phase before the next one."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.telemetry import NewSpan, Span, child_span, current_span

from waybill_notifier.config.smtp_url import SmtpServer
from waybill_notifier.domain.letter import Letter, SendError, UnsendableError
from waybill_notifier.domain.smtp_replies import FailureClass, SmtpReply
from waybill_notifier.domain.states import Phase
from waybill_notifier.gateways.addresses import return_path
from waybill_notifier.gateways.mime import BuiltMail, Stationery, build_mail
from waybill_notifier.gateways.provider_gate import ProviderGate
from waybill_notifier.gateways.smtp_wire import SmtpTimeouts, SmtpWire

_SERVICE_CLOSING = 421


@dataclass(frozen=True)
class ReuseLimits:
    """When a connection is given up: after so many mails, or so long without one."""

    mails: int = 100
    idle_seconds: float = 60


class SmtpConnections:
    """Idle connections to one server, the warmest first; safe to share between threads."""

    def __init__(self, server: SmtpServer, timeouts: SmtpTimeouts, limits: ReuseLimits, helo_name: str) -> None:
        self.server = server
        self._timeouts = timeouts
        self._limits = limits
        self._helo_name = helo_name
        self._idle: list[SmtpWire] = []
        self._lock = threading.Lock()

    def take(self) -> SmtpWire:
        """A connection that answered RSET just now, or a new one; raises SendError at CONNECT or AUTH."""
        while (wire := self._pop()) is not None:
            try:
                wire.reset()
            except SendError:
                wire.close()  # It died in its sleep, which says nothing about the server: try the next one.
            else:
                return wire
        wire = SmtpWire(self.server, self._timeouts, self._helo_name)
        wire.open()
        return wire

    def give_back(self, wire: SmtpWire) -> None:
        """Keep a connection for the next mail unless it has done its share."""
        if wire.mails_sent >= self._limits.mails:
            wire.hang_up()
            return
        wire.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(wire)

    def close(self) -> None:
        """Hang up all idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for wire in idle:
            wire.hang_up()

    def _pop(self) -> SmtpWire | None:
        oldest = time.monotonic() - self._limits.idle_seconds
        with self._lock:
            stale = [wire for wire in self._idle if wire.idle_since < oldest]
            self._idle = [wire for wire in self._idle if wire.idle_since >= oldest]
            fresh = self._idle.pop() if self._idle else None
        for wire in stale:
            wire.close()
        return fresh


class SmtpMailer:
    """The mailer port over SMTP (messaging.md §11.3)."""

    def __init__(
        self, connections: SmtpConnections, gate: ProviderGate, stationery: Stationery, key: bytes, bounce_domain: str
    ) -> None:
        self._connections = connections
        self._gate = gate
        self._stationery = stationery
        self._key = key
        self._bounce_domain = bounce_domain

    def check(self) -> None:
        """Raise ProviderClosedError while the provider's breaker is open."""
        self._gate.check()

    def send(self, letter: Letter, progress: Callable[[Phase], None]) -> SmtpReply:
        """Hand one mail over and return the server's answer to the final dot.

        `progress` commits a phase; when it raises, the connection is cut before the next step, so a mail whose
        `data_sent` is not on record is never completed. Raises SendError, UnsendableError, ProviderClosedError and
        what `progress` raises.
        """
        mail = build_mail(letter, self._stationery)
        with child_span(None if current_span() is None else self._span(letter)) as span:
            reply = self._send(letter, mail, lambda phase: _note(span, phase, progress))
            if span is not None:
                span.set_attribute("waybill.smtp.reply_code", reply.code)
            return reply

    def _span(self, letter: Letter) -> NewSpan:
        """Return the span of handing over: which delivery to which server, and not to whom."""
        server = self._connections.server
        attributes: dict[str, str | int] = {
            "server.address": server.host,
            "server.port": server.port,
            "network.protocol.name": "smtp",
            "waybill.delivery.id": letter.delivery_id,
        }
        return NewSpan("smtp send", "client", attributes)

    def _send(self, letter: Letter, mail: BuiltMail, progress: Callable[[Phase], None]) -> SmtpReply:
        is_probe = self._gate.enter()
        failure: FailureClass | None = None
        reached = False
        try:
            reply = self._hand_over(mail, return_path(self._key, letter.delivery_id, self._bounce_domain), progress)
            reached = True
        except SendError as error:
            failure, reached = error.failure, error.reply is not None
            raise
        finally:
            self._gate.leave(failure, reached_provider=reached, is_probe=is_probe)
        return reply

    def close(self) -> None:
        """End pauses and hang up idle connections."""
        self._gate.close()
        self._connections.close()

    def _hand_over(self, mail: BuiltMail, sender: str, progress: Callable[[Phase], None]) -> SmtpReply:
        wire = self._connections.take()
        try:
            progress(Phase.CONNECTED)
            wire.offer(sender, str(mail.to), _mail_options(wire, mail))
            progress(Phase.ENVELOPE)
            wire.send_body(mail.content)
            progress(Phase.DATA_SENT)
            reply = wire.finish()
        except UnsendableError:
            self._connections.give_back(wire)
            raise
        except SendError as error:
            self._give_back_after(error, wire)
            raise
        except BaseException:
            wire.close()
            raise
        self._connections.give_back(wire)
        return reply

    def _give_back_after(self, error: SendError, wire: SmtpWire) -> None:
        """Keep the connection only after a clean refusal; a quirk is retried on a new one (messaging.md §11.4)."""
        is_clean = error.reply is not None and error.reply.code != _SERVICE_CLOSING
        if is_clean and error.failure is not FailureClass.PROTOCOL:
            self._connections.give_back(wire)
        else:
            wire.close()


def _note(span: Span | None, phase: Phase, progress: Callable[[Phase], None]) -> None:
    """Commit a phase, and mark it in the trace: a slow server is seen by what it was slow at."""
    progress(phase)
    if span is not None:
        span.add_event(phase.value)


def _mail_options(wire: SmtpWire, mail: BuiltMail) -> list[str]:
    """SIZE where the server wants it; SMTPUTF8 where the address needs it, else UnsendableError."""
    options = [f"SIZE={len(mail.content)}"] if wire.has_extn("size") else []
    if mail.needs_smtputf8:
        if not wire.has_extn("smtputf8"):
            raise UnsendableError("needs_smtputf8", "The mail server does not take addresses outside ASCII.")
        options.append("SMTPUTF8")
    return options

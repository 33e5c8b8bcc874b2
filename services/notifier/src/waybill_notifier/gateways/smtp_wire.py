"""One SMTP connection with a deadline for every answer, driven step by step."""

import smtplib
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from waybill_notifier.config.smtp_url import SmtpServer, Tls
from waybill_notifier.domain.letter import SendError
from waybill_notifier.domain.smtp_replies import FailureClass, SmtpReply, Stage, classify, parse_reply

_MAX_REPLY_OCTETS = 64 * 1024
_MAX_LINE_OCTETS = 8192


@dataclass(frozen=True)
class SmtpTimeouts:
    """Seconds for each phase (messaging.md §11.3); `final` answers the dot and must be long (RFC 5321 §4.5.3.2.6)."""

    connect: float = 5
    command: float = 30
    data: float = 60
    final: float = 300


class SmtpWire(smtplib.SMTP):
    """smtplib's commands on a socket whose answers have one deadline each.

    smtplib's own timeout is per `recv`: a server that drips one octet now and then would hold a thread for ever.
    """

    def __init__(self, server: SmtpServer, timeouts: SmtpTimeouts, helo_name: str) -> None:
        super().__init__(local_hostname=helo_name, timeout=timeouts.connect)
        self._server = server
        self._timeouts = timeouts
        self._buffer = b""
        self._is_encrypted = False
        self.mails_sent = 0
        self.idle_since = time.monotonic()

    def open(self) -> None:
        """Connect, greet, encrypt and sign in; raises SendError at CONNECT or AUTH, with the socket closed."""
        try:
            self._ask(Stage.CONNECT, lambda: self.connect(self._server.host, self._server.port), {220})
            self._greet()
            self._encrypt()
            self._sign_in()
        except BaseException:
            self.close()
            raise

    def reset(self) -> None:
        """RSET: forget the last mail, and find out whether the server is still there; raises SendError."""
        self._ask(Stage.CONNECT, self.rset, {250})

    def offer(self, sender: str, recipient: str, options: Collection[str]) -> None:
        """MAIL and RCPT; raises SendError at MAIL or RCPT."""
        self._ask(Stage.MAIL, lambda: self.mail(sender, tuple(options)), {250})
        self._ask(Stage.RCPT, lambda: self.rcpt(recipient), {250, 251, 252})

    def send_body(self, content: bytes) -> None:
        """DATA and the whole mail without its final dot; raises SendError at DATA."""
        self._ask(Stage.DATA, lambda: self.docmd("DATA"), {354})
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        body = (b"." if content.startswith(b".") else b"") + stuffed
        try:
            self._socket().settimeout(self._timeouts.data)
            self._socket().sendall(body if body.endswith(b"\r\n") else body + b"\r\n")
        except OSError as error:
            raise _no_answer(Stage.DATA, error) from error

    def finish(self) -> SmtpReply:
        """Send the final dot and wait for the answer; SendError at FINAL without a reply is ambiguous."""
        reply = self._ask(Stage.FINAL, self._dot, range(200, 300))
        self.mails_sent += 1
        return reply

    def hang_up(self) -> None:
        """QUIT without waiting long for it, and close."""
        self._timeouts = SmtpTimeouts(command=1)
        try:
            self.docmd("QUIT")
        except (smtplib.SMTPException, OSError):
            self._buffer = b""  # The peer left first, which is what was wanted.
        self.close()

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply, all its lines, before its deadline; overrides smtplib's, which has none."""
        return self._read_reply(self._timeouts.command)

    def _greet(self) -> None:
        """EHLO, or HELO where that is not known and no extension is needed."""
        try:
            self._ask(Stage.CONNECT, self.ehlo, {250})
        except SendError as error:
            if error.failure is not FailureClass.PROTOCOL or self._server.tls is Tls.REQUIRED:
                raise
            self._ask(Stage.CONNECT, self.helo, {250})

    def _encrypt(self) -> None:
        if self._server.tls is Tls.OFF or self._is_encrypted:
            return
        if not self.has_extn("starttls"):
            if self._server.tls is Tls.OPPORTUNISTIC:
                return
            raise SendError(
                Stage.CONNECT, FailureClass.CONFIGURATION, None, "The server offers no STARTTLS, which is required."
            )
        self._ask(Stage.CONNECT, lambda: self.docmd("STARTTLS"), {220})
        self._buffer = b""  # What came before the handshake was not authenticated (RFC 3207 §4.2).
        try:
            self.sock = self._server.context().wrap_socket(self._socket(), server_hostname=self._server.host)
        except OSError as error:
            raise _no_answer(Stage.CONNECT, error) from error
        self._is_encrypted = True
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}
        self._greet()

    def _sign_in(self) -> None:
        if self._server.username is None:
            return
        try:
            self.login(self._server.username, self._server.password or "")
        except smtplib.SMTPAuthenticationError as error:
            reply = parse_reply(error.smtp_code, error.smtp_error)
            raise SendError(
                Stage.AUTH, classify(Stage.AUTH, reply), reply, "The server refused to sign us in."
            ) from None
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise _no_answer(Stage.AUTH, error) from error
        except smtplib.SMTPException as error:
            raise SendError(Stage.AUTH, FailureClass.CONFIGURATION, None, str(error)) from error

    def _ask(self, stage: Stage, command: Callable[[], tuple[int, bytes]], wanted: Collection[int]) -> SmtpReply:
        try:
            code, text = self._run(command)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise _no_answer(stage, error) from error
        reply = parse_reply(code, text)
        if code not in wanted:
            raise SendError(stage, classify(stage, reply), reply, f"The server answered {code} at {stage}.")
        return reply

    @staticmethod
    def _run(command: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes | str]:
        try:
            return command()
        except smtplib.SMTPResponseException as error:
            return error.smtp_code, error.smtp_error

    def _dot(self) -> tuple[int, bytes]:
        self._socket().settimeout(self._timeouts.command)
        self._socket().sendall(b".\r\n")
        return self._read_reply(self._timeouts.final)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """smtplib's hook for making the socket."""
        sock = socket.create_connection((host, port), timeout)
        # The dot is a small segment behind a large one: with Nagle it waits for an acknowledgement, 40 ms on Linux.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._server.tls is Tls.IMPLICIT:
            sock = self._server.context().wrap_socket(sock, server_hostname=host)
            self._is_encrypted = True
        sock.settimeout(self._timeouts.command)
        return sock

    def _socket(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("The connection is closed.")
        return self.sock

    def _read_reply(self, seconds: float) -> tuple[int, bytes]:
        deadline = time.monotonic() + seconds
        lines: list[bytes] = []
        octets = 0
        while True:
            line = self._read_line(deadline)
            octets += len(line)
            if octets > _MAX_REPLY_OCTETS:
                self.close()
                raise smtplib.SMTPServerDisconnected("The server's answer does not end.")
            lines.append(line[4:].strip(b" \t\r\n"))
            if not line[:3].isdigit():
                return -1, line
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)

    def _read_line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or len(self._buffer) > _MAX_LINE_OCTETS:
                self.close()
                raise smtplib.SMTPServerDisconnected("The server did not answer in time.")
            sock = self._socket()
            sock.settimeout(left)
            try:
                octets = sock.recv(4096)
            except OSError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected(f"The server did not answer: {error}") from error
            if not octets:
                self.close()
                raise smtplib.SMTPServerDisconnected("The server closed the connection.")
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"


def _no_answer(stage: Stage, error: Exception) -> SendError:
    return SendError(stage, classify(stage, None), None, f"No answer at {stage}: {error}")

"""A real SMTP server for tests that keeps what it accepts and answers as its script says."""

# ruff: noqa: N802 (aiosmtpd finds commands and hooks by these names)

import asyncio
import ssl
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, AnyStr, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from waybill_testkit.caught_mail import CaughtMail
from waybill_testkit.smtp_script import OK, Script, ScriptError, Step, parse_script
from waybill_testkit.waiting import free_port

_NEVER_SECONDS = 3600.0


class SmtpCatcher:
    """Catches mail on a port of the loopback interface.

    `messages` is the list of accepted mails, oldest first. Answers are scripted by the recipient's local part
    (`451x2+ok@example.test`, `dot-cutx1@…`, `slow5@…`: see smtp_script), and for the whole server, which alone can
    script the phases before a recipient is known, by `plan("connect", "421x1")`.
    Options: `tls` a server context (offers STARTTLS, or speaks TLS at once with `implicit_tls`), `users` name →
    password (offers AUTH), `smtputf8`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        users: dict[str, str] | None = None,
        smtputf8: bool = True,
        implicit_tls: bool = False,
    ) -> None:
        self.messages: list[CaughtMail] = []
        self.commands: list[str] = []
        """What clients said, one word a command ("MAIL"), over all connections."""
        self.connections = 0
        self.port = port or free_port()
        self.host = "127.0.0.1"
        self._tls = tls
        self._users = users
        self._smtputf8 = smtputf8
        self._implicit_tls = implicit_tls
        self._lock = threading.Lock()
        self._server_script = Script()
        self._scripts: dict[str, Script] = {}
        self._controller: _Controller | None = None

    @property
    def url(self) -> str:
        """A value for WAYBILL_SMTP_URL."""
        if self._implicit_tls:
            return f"smtps://{self.host}:{self.port}"
        return f"smtp://{self.host}:{self.port}?tls={'required' if self._tls else 'off'}"

    def start(self) -> Self:
        """Listen; returns when connections are taken."""
        options: dict[str, Any] = {"enable_SMTPUTF8": self._smtputf8, "timeout": _NEVER_SECONDS}
        if self._tls is not None:
            options["ssl_context" if self._implicit_tls else "tls_context"] = self._tls
        if self._users is not None:
            options |= {
                "authenticator": self._authenticate,
                "auth_require_tls": self._tls is not None and not self._implicit_tls,
            }
        self._controller = _Controller(self, options)
        self._controller.start()
        self.connections = 0  # aiosmtpd's controller has made one of its own, to see that it can
        self.commands.clear()
        return self

    def stop(self) -> None:
        """Stop listening and cut every connection; what was caught stays."""
        if self._controller is not None:
            self._controller.cut_all()
            self._controller.stop()
            self._controller = None

    def plan(self, phase: str, *steps: str | Step) -> None:
        """Script a phase of the whole server: `plan("connect", "421x1")`, `plan("data", reply("451 4.3.0 Later"))`."""
        for step in steps:
            if isinstance(step, Step):
                self._server_script.plan([(phase, step, 1)])
            else:
                self._server_script.plan(parse_script(step, phase))

    def clear(self) -> None:
        """Forget scripts, mails and counts."""
        with self._lock:
            self._scripts.clear()
            self.messages.clear()
            self.commands.clear()
            self.connections = 0
        self._server_script.clear()

    def mails_to(self, recipient: str) -> list[CaughtMail]:
        """The accepted mails of one recipient."""
        with self._lock:
            return [mail for mail in self.messages if recipient in mail.recipients]

    def next_step(self, phase: str, recipients: Sequence[str]) -> Step:
        """The server's step for a phase if it has one, else the recipient's."""
        step = self._server_script.next(phase)
        if step is OK and recipients:
            step = self._script_of(recipients[-1]).next(phase)
        return step

    def keep(self, envelope: Envelope) -> None:
        """Store an accepted mail."""
        content = envelope.original_content or b""
        mail = CaughtMail(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        with self._lock:
            self.messages.append(mail)

    def note(self, command: str) -> None:
        """Remember that a client said this."""
        with self._lock:
            self.commands.append(command)
            self.connections += command == "connect"

    def _script_of(self, recipient: str) -> Script:
        with self._lock:
            if recipient not in self._scripts:
                script = self._scripts[recipient] = Script()
                try:
                    script.plan(parse_script(recipient.partition("@")[0]))
                except ScriptError:
                    return script  # An ordinary address.
            return self._scripts[recipient]

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        if mechanism not in {"LOGIN", "PLAIN"} or not isinstance(data, LoginPassword) or self._users is None:
            return AuthResult(success=False, handled=False)
        known = self._users.get(data.login.decode())
        return AuthResult(success=known is not None and known == data.password.decode(), handled=False)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Controller(Controller):
    def __init__(self, catcher: SmtpCatcher, options: dict[str, Any]) -> None:
        super().__init__(_Handler(catcher), hostname=catcher.host, port=catcher.port, **options)
        self._catcher = catcher

        self._open: set[_ScriptedSmtp] = set()

    def factory(self) -> SMTP:
        return _ScriptedSmtp(self._catcher, self._open, self.handler, **self.SMTP_kwargs)

    def cut_all(self) -> None:
        """Cut every connection and wait until the loop has let go of them."""

        async def cut() -> None:
            for server in list(self._open):
                server.abort()
            while self._open:
                await asyncio.sleep(0.001)

        asyncio.run_coroutine_threadsafe(cut(), self.loop).result(10)


class _Handler:
    def __init__(self, catcher: SmtpCatcher) -> None:
        self._catcher = catcher

    async def handle_DATA(self, server: "_ScriptedSmtp", _session: Session, envelope: Envelope) -> str:
        step = self._catcher.next_step("dot", envelope.rcpt_tos)
        if step.verb == "reply":
            return step.line
        if step.verb == "drop":
            await server.cut()
        if step.verb == "slow":
            await asyncio.sleep(step.seconds)
        self._catcher.keep(envelope)
        if step.verb in {"cut", "hang"}:
            await server.obey(step)
        return "250 2.0.0 Ok: caught"


class _ScriptedSmtp(SMTP):
    """aiosmtpd's server, asking the script before each command."""

    def __init__(self, catcher: SmtpCatcher, open_ones: "set[_ScriptedSmtp]", *args: Any, **kwargs: Any) -> None:
        self._catcher = catcher
        self._open = open_ones
        self._has_greeted = False
        super().__init__(*args, **kwargs)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._open.discard(self)

    def abort(self) -> None:
        """Cut the connection, both layers of it when it is encrypted."""
        # An encrypted transport that has ended forgets its protocol, and can no longer be cut.
        if isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            self.transport.abort()

    async def push(self, status: AnyStr) -> None:
        """Every line to the client passes here; the first one is the greeting."""
        if not self._has_greeted:
            self._has_greeted = True
            self._catcher.note("connect")
            if (line := await self.obey(self._catcher.next_step("connect", []))) is not None:
                await super().push(line)
                return
        await super().push(status)

    async def smtp_EHLO(self, hostname: str) -> None:
        await self._scripted("ehlo", "EHLO", hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:
        await self._scripted("starttls", "STARTTLS", arg)

    async def smtp_AUTH(self, arg: str) -> None:
        await self._scripted("auth", "AUTH", arg)

    async def smtp_MAIL(self, arg: str | None) -> None:
        await self._scripted("mail", "MAIL", arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        address = (arg or "").partition("<")[2].partition(">")[0]
        await self._scripted("rcpt", "RCPT", arg, [address])

    async def smtp_DATA(self, arg: str) -> None:
        await self._scripted("data", "DATA", arg, self.envelope.rcpt_tos if self.envelope else ())

    async def smtp_RSET(self, arg: str) -> None:
        await self._scripted("rset", "RSET", arg)

    async def obey(self, step: Step) -> str | None:
        """Do what a step says; a line is what to answer instead, None means to go on."""
        if step.verb == "reply":
            return step.line
        if step.verb == "slow":
            await asyncio.sleep(step.seconds)
        if step.verb in {"cut", "drop"}:
            await self.cut()
        if step.verb == "hang":
            await asyncio.sleep(_NEVER_SECONDS)  # Losing the connection cancels this.
        return None

    async def cut(self) -> None:
        """End the connection at once; losing it cancels this coroutine."""
        self.abort()
        await asyncio.sleep(_NEVER_SECONDS)

    async def _scripted(self, phase: str, command: str, arg: str | None, recipients: Sequence[str] = ()) -> None:
        self._catcher.note(command)
        line = await self.obey(self._catcher.next_step(phase, recipients))
        if line is None:
            await getattr(super(), f"smtp_{command}")(arg)
            return
        await self.push(line)
        if line.startswith("421") and self.transport is not None:
            self.transport.close()

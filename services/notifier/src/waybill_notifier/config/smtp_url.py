"""Reads `WAYBILL_SMTP_URL`: where mail is handed over, how it is encrypted, and who we say we are."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


class Tls(StrEnum):
    """How the connection is encrypted: IMPLICIT is `smtps://`, the others `?tls=`."""

    REQUIRED = "required"
    OPPORTUNISTIC = "opportunistic"
    OFF = "off"
    IMPLICIT = "implicit"


_FORM = "smtp://user:password@host:port?tls=required|opportunistic|off, or smtps://…"
_DEFAULT_PORT = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class SmtpServer:
    """One SMTP server to hand mail to."""

    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """The client's TLS settings: verified, except in opportunistic mode, where any encryption beats none."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.tls is Tls.OPPORTUNISTIC:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def parse_smtp_url(url: str, ca_file: Path | None = None) -> SmtpServer:
    """Make a server of its URL; percent-encoding in user and password is undone.

    Raises ValueError that says what is wrong: no TLS (`off`) is for a loopback host only, and a password is given to
    an encrypted connection only.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise ValueError(f"must look like {_FORM}")
    query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    mode = query.pop("tls", ["required"])
    if query or len(mode) != 1:
        raise ValueError(f"takes one option, tls; it must look like {_FORM}")
    if parts.scheme == "smtps":
        tls = Tls.IMPLICIT
    elif mode[0] in {"required", "opportunistic", "off"}:
        tls = Tls(mode[0])
    else:
        raise ValueError("has an unknown tls mode; it is required, opportunistic or off")
    if tls is Tls.OFF and not _is_loopback(parts.hostname):
        raise ValueError("may say tls=off for a loopback host only; use tls=required or tls=opportunistic")
    username, password = _credentials(parts.username, parts.password, tls)
    return SmtpServer(parts.hostname, parts.port or _DEFAULT_PORT[parts.scheme], tls, username, password, ca_file)


def _credentials(username: str | None, password: str | None, tls: Tls) -> tuple[str | None, str | None]:
    if not username:
        return None, None
    if tls in {Tls.OFF, Tls.OPPORTUNISTIC}:
        raise ValueError("has a user, so it needs tls=required: a password never crosses an unencrypted connection")
    user, secret = unquote(username), unquote(password or "")
    if not (user + secret).isascii():
        raise ValueError("has a user or password with characters outside ASCII, which SMTP AUTH does not take")
    return user, secret


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

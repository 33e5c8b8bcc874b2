"""Asks auth whom a mail goes to, over the connector "auth" with a service token."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
from waybill_common.clock import parse_rfc3339
from waybill_common.sessions import Connector, PeerError, read_object
from waybill_common.telemetry import get_logger

from waybill_notifier.domain.directory import DirectoryUnavailableError, MailRequestExpiredError, RecipientGoneError
from waybill_notifier.domain.letter import Recipient

CACHE_SECONDS = 60.0
_MOST_CACHED = 10_000
_log = get_logger(__name__)


class AuthDirectory:
    """The directory port over HTTP; contacts are kept at most 60 s, mail requests never."""

    def __init__(self, connector: Connector, link_base: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`link_base` is the public address that links in mails must begin with (WAYBILL_PUBLIC_BASE_URL)."""
        self._connector = connector
        self._link_origin = urlsplit(link_base)[:2]
        self._clock = clock
        self._lock = threading.Lock()
        self._contacts: dict[str, tuple[float, Recipient]] = {}

    def contact(self, user_id: str) -> Recipient:
        """The user's address; raises DirectoryUnavailableError, RecipientGoneError."""
        with self._lock:
            cached = self._contacts.get(user_id)
        if cached is not None and self._clock() - cached[0] < CACHE_SECONDS:
            return cached[1]
        recipient = _recipient(self._get(f"/internal/users/{quote(user_id, safe='')}/contact"))
        with self._lock:
            if len(self._contacts) >= _MOST_CACHED:
                self._contacts.clear()
            self._contacts[user_id] = (self._clock(), recipient)
        return recipient

    def mail_request(self, mail_request_id: str) -> Recipient:
        """Address and link of a mail request; raises those of `contact` and MailRequestExpiredError."""
        recipient = _recipient(self._get(f"/internal/mail-requests/{quote(mail_request_id, safe='')}"))
        if recipient.link is not None and urlsplit(recipient.link)[:2] != self._link_origin:
            # Not sent, and not given up: the two services disagree on WAYBILL_PUBLIC_BASE_URL.
            _log.error("foreign_link_refused", mail_request_id=mail_request_id)
            raise DirectoryUnavailableError("auth named a link outside of the public address")
        return recipient

    def _get(self, path: str) -> Mapping[str, Any]:
        return _read(self._connector.name, _ask(self._connector, path))


class AuthRevocationList:
    """The list of revocations that a starting service must know."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def read(self) -> Sequence[Mapping[str, Any]]:
        """All entries, page by page where there are pages; raises DirectoryUnavailableError."""
        entries: list[Mapping[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = {"cursor": cursor} if cursor else {}
            page = _read(
                self._connector.name, _ask(self._connector, f"/internal/revocations?{urlencode(query)}".rstrip("?"))
            )
            entries += page.get("data", [])
            cursor = page.get("next_cursor")
        return entries


def _ask(connector: Connector, path: str) -> requests.Response:
    try:
        return connector.request("GET", path)
    except PeerError as error:
        raise DirectoryUnavailableError(str(error)) from error


def _read(peer: str, answer: requests.Response) -> Mapping[str, Any]:
    """The JSON object of a 200; other answers become what they mean for a delivery."""
    if answer.status_code == requests.codes.not_found:
        raise RecipientGoneError("auth knows no such user or mail request")
    if answer.status_code == requests.codes.gone:
        raise MailRequestExpiredError("the mail request is no longer good")
    if answer.status_code != requests.codes.ok:
        # 401 and 403 too: our client or its scopes are set up wrongly, and mails wait until somebody mends that.
        _log.error("auth_refused", status=answer.status_code)
        raise DirectoryUnavailableError(f"auth answered {answer.status_code}")
    try:
        return read_object(peer, answer)
    except PeerError as error:
        raise DirectoryUnavailableError(str(error)) from error


def _recipient(body: Mapping[str, Any]) -> Recipient:
    """Read `{email, name, locale, timezone?, link?, expires_at?}`; a body without an address is no answer."""
    email = body.get("email")
    if not isinstance(email, str):
        raise DirectoryUnavailableError("auth answered without an address")
    expires_at = body.get("expires_at")
    return Recipient(
        email=email,
        name=body.get("name"),
        locale=body.get("locale"),
        timezone=body.get("timezone"),
        link=body.get("link"),
        expires_at=None if expires_at is None else parse_rfc3339(expires_at),
    )

"""The services' HTTP API, as the member of staff who runs the command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from waybill_cli.config import Target
from waybill_cli.failures import RefusedError, UnknownError, UnreachableError

if TYPE_CHECKING:
    import requests  # when it is needed, so that `--help` and completion stay quick

_TIMEOUT_SECONDS = (3.05, 15.0)


class Api:
    """Signs in at the first request that needs it, and out at `close`, so that no session is left behind."""

    def __init__(self, target: Target) -> None:
        import requests

        self._target = target
        self._session = requests.Session()
        self._session.trust_env = False
        self._token = ""

    def get(self, service: str, path: str, **query: Any) -> Any:
        """The JSON of a route; raises UnreachableError, UnknownError for 404, RefusedError for other refusals."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._json(service, self._as_staff("GET", service, path, params=given))

    def post(self, service: str, path: str) -> Any:
        """Give a keyed command without a body and return its answer; raises as `get` does."""
        headers = {"Idempotency-Key": str(uuid4())}
        return self._json(service, self._as_staff("POST", service, path, headers=headers))

    def pages(self, service: str, path: str, most: int, **query: Any) -> Iterator[dict[str, Any]]:
        """The members of a list, page by page, at most so many."""
        cursor: str | None = None
        while most > 0:
            page = self.get(service, path, cursor=cursor, limit=min(100, most), **query)
            yield from page["data"]
            most -= len(page["data"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def anonymous(self, url: str) -> requests.Response:
        """What an address answers to anybody; raises UnreachableError."""
        return self._send("GET", url, url)

    def close(self) -> None:
        """Sign out; a service that is gone by now ends the session itself in time."""
        if self._token:
            with contextlib.suppress(UnreachableError):
                self._send("POST", "auth", f"{self._target.urls['auth']}/v1/logout", headers=self._bearer())
        self._session.close()

    def _as_staff(
        self, method: str, service: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> requests.Response:
        if not self._token:
            self._token = self._sign_in()
        url = self._target.urls[service] + path
        return self._send(method, service, url, headers=self._bearer() | dict(headers or {}), **more)

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _sign_in(self) -> str:
        if not self._target.email:
            raise UnreachableError("no account to sign in with: set WAYBILL_CLI_EMAIL and WAYBILL_CLI_PASSWORD (staff)")
        body = {"email": self._target.email, "password": self._target.password}
        answer = self._json("auth", self._send("POST", "auth", f"{self._target.urls['auth']}/v1/login", json=body))
        if "access_token" not in answer:
            raise RefusedError(f"{self._target.email} signs in with a second factor, which this command cannot give")
        return str(answer["access_token"])

    def _send(self, method: str, service: str, url: str, **more: Any) -> requests.Response:
        from requests import RequestException

        try:
            return self._session.request(method, url, timeout=_TIMEOUT_SECONDS, **more)
        except RequestException as error:
            raise UnreachableError(f"{service} does not answer at {url}: {_reason(error)}") from error

    def _json(self, service: str, answer: requests.Response) -> Any:
        if answer.ok:
            return answer.json() if answer.content else {}
        problem = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        text = f"{service}: {answer.status_code} {problem.get('code', '')}: {problem.get('detail') or answer.reason}"
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise UnknownError(text)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UnreachableError(text)
        raise RefusedError(text)


def _reason(error: requests.RequestException) -> str:
    """The innermost words: "Connection refused" instead of the stack of pools around it."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    return str(inner).strip() or type(error).__name__

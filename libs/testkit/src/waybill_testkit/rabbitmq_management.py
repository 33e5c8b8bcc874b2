"""The broker's management API as far as tests need it: virtual hosts of their own, cutting connections."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import requests

NOT_FOUND = 404


class Management:
    """Talks to `base_url` with the name and password of `amqp_url`."""

    def __init__(self, base_url: str, amqp_url: str) -> None:
        """`amqp_url` is also the pattern for the urls of new virtual hosts."""
        self._base = base_url
        self._amqp_url = amqp_url
        parts = urlsplit(amqp_url)
        self._user = parts.username or "guest"
        self._password = parts.password or "guest"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call of the API (`path` without `/api`); the decoded answer, None when empty; raises HTTPError."""
        answer = requests.request(
            method, f"{self._base}/api{path}", json=body, auth=(self._user, self._password), timeout=30
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def is_ready(self) -> bool:
        """The API answers."""
        try:
            self.call("GET", "/whoami")
        except requests.RequestException:
            return False
        return True

    def create_vhost(self, name: str) -> str:
        """Make an empty virtual host with full rights for our user and return its `amqp://` url."""
        self.call("PUT", f"/vhosts/{quote(name, safe='')}")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.call("PUT", f"/permissions/{quote(name, safe='')}/{quote(self._user)}", everything)
        return urlunsplit(urlsplit(self._amqp_url)._replace(path="/" + quote(name, safe="")))

    def close_connection(self, name: str) -> None:
        """Make the broker close a client's connection; one that is gone already is fine."""
        try:
            self.call("DELETE", f"/connections/{quote(name, safe='')}")
        except requests.HTTPError as error:
            if error.response.status_code != NOT_FOUND:
                raise

    def delete_vhost(self, name: str) -> None:
        """Delete a virtual host with all its queues."""
        self.call("DELETE", f"/vhosts/{quote(name, safe='')}")

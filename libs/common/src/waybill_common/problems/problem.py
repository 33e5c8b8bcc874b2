"""The problem details of RFC 9457, as an exception that any layer of a view may raise."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:waybill:problem:"


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """One refusal: `status`, a stable snake_case `code` that clients switch on, a `detail` that says what to do.

    Extension members stand beside the standard ones in the body. `retryable` tells whether the same request may
    succeed later unchanged.
    """

    def __init__(  # noqa: PLR0913 - the RFC's members, most of them optional
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        retryable: bool | None = None,
        errors: Sequence[Mapping[str, str]] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.retryable = status in {429, 503, 504} if retryable is None else retryable
        self.errors = errors
        self.extensions = extensions

    def body(self, instance: str, request_id: str | None) -> bytes:
        """Render the JSON body; `title` is the same for every occurrence of a code (RFC 9457 section 3.1.4)."""
        members: dict[str, Any] = {
            "type": f"{_TYPE}{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail or HTTPStatus(self.status).description or HTTPStatus(self.status).phrase,
            "instance": instance,
            "code": self.code,
            "request_id": request_id,
            "retryable": self.retryable,
        }
        if self.errors is not None:
            members["errors"] = list(self.errors)
        return orjson.dumps(members | self.extensions)

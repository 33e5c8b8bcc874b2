"""Responses: JSON bodies, entity tags, and remembered answers sent again."""

import hashlib
from typing import Any

import orjson
from flask import Response, request
from werkzeug.datastructures import Headers

from waybill_common.idempotency import Answer

JSON = "application/json"


class _Whole(Response):
    """A response whose headers stand as they were set; to check them again costs a tenth of a small read."""

    autocorrect_location_header = False

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ARG002 - werkzeug's own name
        """Return the headers: the length was set with the body, and a location of ours is a path of ASCII."""
        return self.headers


def json_answer(
    body: Any, status: int = 200, *, etag: str | None = None, location: str | None = None, cache: str | None = None
) -> Response:
    """Return a JSON response; `body` is an object to serialise or bytes that are JSON already."""
    headers = Headers([("Content-Type", JSON)])
    if etag is not None:
        headers.add("ETag", etag)
    if location is not None:
        headers.add("Location", location)
    if cache is not None:
        headers.add("Cache-Control", cache)
    return _Whole(body if isinstance(body, bytes) else orjson.dumps(body), status, headers)


def empty_answer(status: int = 204) -> Response:
    """Return a response without a body."""
    response = Response(b"", status)
    response.headers.pop("Content-Type", None)
    return response


def version_etag(version: int) -> str:
    """Return the strong entity tag of a version (RFC 9110 section 8.8.3)."""
    return f'"{version}"'


def versioned_answer(body: Any, version: int) -> Response:
    """Answer a read with its entity tag, or 304 without a body when `If-None-Match` names it."""
    return _tagged(body, str(version))


def content_answer(body: bytes) -> Response:
    """Answer a read as `versioned_answer` does, of what has no version of its own: the tag is made from the bytes."""
    return _tagged(body, hashlib.sha256(body).hexdigest()[:32])


def _tagged(body: Any, tag: str) -> Response:
    if "HTTP_IF_NONE_MATCH" not in request.environ or not request.if_none_match.contains_weak(tag):
        return json_answer(body, etag=f'"{tag}"')
    response = empty_answer(304)
    response.headers["ETag"] = f'"{tag}"'
    return response


def send_answer(answer: Answer) -> Response:
    """Send the answer of a keyed command; one that was remembered says so."""
    response = json_answer(answer.body, answer.status, etag=answer.etag, location=answer.location)
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response

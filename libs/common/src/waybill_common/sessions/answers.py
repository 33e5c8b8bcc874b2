"""Reading what a peer sent: within a size, whole, and sorted into answers and failures."""

import email.utils
import io
from datetime import UTC
from typing import Any

import orjson
import requests
import urllib3.exceptions

from waybill_common.clock import utc_now
from waybill_common.sessions.deadline import remaining_seconds
from waybill_common.sessions.errors import PeerAnswerError, PeerError, PeerTimeoutError, PeerUnavailableError

_CHUNK_BYTES = 65_536
_COME_BACK_LATER = frozenset({409, 425, 429})

TRANSPORT_ERRORS = (requests.Timeout, requests.ConnectionError, urllib3.exceptions.HTTPError)


def read_bounded(peer: str, response: requests.Response, limit: int) -> None:
    """Read the whole body into the response and give its connection back to the pool.

    Raises PeerAnswerError when the body is longer than `limit` bytes or compressed although we said not to, and
    urllib3's errors when it is cut off or late; the connection is then closed.
    """
    raw = response.raw
    try:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise PeerAnswerError(peer, "encoded", "the body is compressed although we asked for identity")
        body = bytearray()
        for chunk in raw.stream(_CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > limit:
                raise PeerAnswerError(peer, "too_large", f"the body is longer than {limit} bytes")
    except BaseException:
        raw.close()
        raise
    raw.release_conn()
    response.raw = io.BytesIO(bytes(body))
    assert response.content is not None  # requests reads it from memory here, so that nobody reads the wire later


def read_object(peer: str, response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; raises PeerAnswerError when the body is anything else."""
    try:
        parsed = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise PeerAnswerError(peer, "not_json", str(error), status=response.status_code) from error
    if not isinstance(parsed, dict):
        raise PeerAnswerError(peer, "not_an_object", status=response.status_code)
    return parsed


def failure_of(peer: str, error: Exception) -> PeerError:
    """Return our error for one of TRANSPORT_ERRORS, or the error itself where it is ours."""
    if isinstance(error, PeerError):
        return error
    if isinstance(error, requests.ConnectTimeout):
        return PeerTimeoutError(peer, "connect_timeout", str(error))
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        is_late = remaining_seconds() == 0
        return PeerTimeoutError(peer, "deadline" if is_late else "read_timeout", str(error))
    if isinstance(error, requests.exceptions.SSLError):
        return PeerUnavailableError(peer, "tls", str(error))
    if isinstance(error, requests.ConnectionError):
        is_unreachable = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
        return PeerUnavailableError(peer, "unreachable" if is_unreachable else "dropped", str(error))
    return PeerAnswerError(peer, "broken", str(error))


def failure_of_status(peer: str, response: requests.Response) -> PeerUnavailableError | None:
    """Return an error for a 5xx, None for every other status: those are answers."""
    status = response.status_code
    if status < 500:
        return None
    return PeerUnavailableError(peer, f"http_{status}", "the peer failed to answer", status=status)


def asks_to_wait(response: requests.Response, *, is_keyed: bool) -> bool:
    """Tell whether an answer means "the same again, later": 425 or 429, and 409 for the twin of a keyed call."""
    if response.status_code not in _COME_BACK_LATER or "Retry-After" not in response.headers:
        return False
    return is_keyed or response.status_code != 409


def retry_after_seconds(response: requests.Response | None) -> float:
    """Return the wait `Retry-After` asks for (RFC 9110, section 10.2.3), 0 when absent or unreadable."""
    text = "" if response is None else response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - utc_now()).total_seconds())

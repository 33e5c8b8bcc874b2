"""Auth's list of what it has revoked, over the connector `auth`."""

from collections.abc import Mapping
from typing import Any

from waybill_common.sessions import Connector, PeerAnswerError, read_object


def read_revocations(auth: Connector) -> list[Mapping[str, Any]]:
    """Return the entries of `GET /internal/revocations`; raises PeerError when auth does not answer with them."""
    answer = auth.request("GET", "/internal/revocations")
    if answer.status_code != 200:
        raise PeerAnswerError(auth.name, f"http_{answer.status_code}", status=answer.status_code)
    entries = read_object(auth.name, answer).get("data")
    if not isinstance(entries, list):
        raise PeerAnswerError(auth.name, "no_list", status=answer.status_code)
    return entries

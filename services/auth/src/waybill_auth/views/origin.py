"""Where a request came from, for limits and the audit log."""

from flask import g, request

from waybill_auth.domain.audit import Origin


def request_origin() -> Origin:
    """Return client address (of the trusted proxy hop alone), user agent and the caller's session."""
    caller = g.get("caller")
    session_id = caller.session_id if caller is not None else None
    return Origin(request.remote_addr, request.headers.get("User-Agent"), session_id)

"""Lines of the audit log."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where a request came from: client address, user agent, and the caller's session where he has one."""

    ip: str | None = None
    user_agent: str | None = None
    session_id: str | None = None


NOWHERE = Origin()
"""The origin of what no request asked for: a command of the operator, or a job."""


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit log; never a password, token or code. The request id comes from the context."""

    action: str
    outcome: str = "success"
    actor: str | None = None
    subject: str | None = None
    reason: str | None = None
    origin: Origin = NOWHERE

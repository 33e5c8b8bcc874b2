"""Steps that several use cases share: beginning and ending sessions, and making their tokens."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from waybill_common.ids import new_id

from waybill_auth.domain.access_tokens import person_claims
from waybill_auth.domain.audit import Origin
from waybill_auth.domain.errors import StepUpRequiredError
from waybill_auth.domain.refresh_tokens import derive_refresh_token
from waybill_auth.domain.roles import scopes_of
from waybill_auth.domain.sessions import FIRST_PARTY_CLIENT, Session, SessionRules
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps
from waybill_auth.use_cases.ports import UnitOfWork

_KEY_BYTES = 32
_FEED_MARGIN_SECONDS = 60


@dataclass(frozen=True)
class OpenSession:
    """A session and its HMAC key in the clear."""

    session: Session
    key: bytes


@dataclass(frozen=True)
class SessionTokens:
    """What a sign-in or a refresh gives; `outcome` (rotated or grace) is for the metrics."""

    access_token: str
    expires_in: int
    refresh_token: str
    session_id: str
    scope: str
    outcome: str = "rotated"


def begin_session(
    work: UnitOfWork, user: User, origin: Origin, desk: desks.SessionDesk, now: datetime
) -> tuple[OpenSession, list[event_steps.Fact]]:
    """Insert a session with a new id, whatever came before (ASVS 7.2.4); call it with the account's row locked.

    Ends the oldest sessions above the limit. Returns the session with its key, and the facts to tell.
    """
    session_id, key = new_id("ses"), secrets.token_bytes(_KEY_BYTES)
    live = work.sessions.live_of(user.id, now)
    surplus = [session.id for session in live[: max(0, len(live) - desk.rules.max_sessions + 1)]]
    facts = end_sessions(work, surplus, "limit", now, desk.rules) if surplus else []
    absolute = now + timedelta(seconds=desk.rules.absolute_seconds)
    session = Session(
        id=session_id,
        user_id=user.id,
        client_id=FIRST_PARTY_CLIENT,
        created_at=now,
        last_seen_at=now,
        idle_expires_at=min(now + timedelta(seconds=desk.rules.idle_seconds), absolute),
        absolute_expires_at=absolute,
        counter=1,
        sealed_key=desk.keys.seal(key, session_id),
        rotated_at=now,
        amr=("pwd",),
        ip=origin.ip,
        user_agent=origin.user_agent and origin.user_agent[:256],
    )
    work.sessions.add(session)
    return OpenSession(session, key), facts


def end_sessions(
    work: UnitOfWork, session_ids: Sequence[str], reason: str, now: datetime, rules: SessionRules
) -> list[event_steps.Fact]:
    """End the sessions and return a fact for each that was still open; call it with the account's row locked."""
    until = revoked_until(now, rules)
    return [
        event_steps.Fact("session.revoked", {"sid": session_id, "until": until})
        for session_id in work.sessions.revoke(session_ids, reason, now)
    ]


def end_all_sessions(
    work: UnitOfWork, user_id: str, reason: str, now: datetime, rules: SessionRules
) -> list[event_steps.Fact]:
    """End every session of the account and refuse its tokens issued before now; returns the facts to tell.

    `not_before` is in whole seconds, rounded down, so the open sessions are named one by one as well.
    """
    work.users.set_not_before(user_id, now)
    open_sessions = [session.id for session in work.sessions.live_of(user_id, now)]
    until = revoked_until(now, rules)
    revoked = event_steps.Fact("user.revoked", {"sub": user_id, "not_before": int(now.timestamp()), "until": until})
    return [revoked, *end_sessions(work, open_sessions, reason, now, rules)]


def make_tokens(
    user: User, opened: OpenSession, desk: desks.SessionDesk, now: datetime, scopes: frozenset[str] | None = None
) -> SessionTokens:
    """Return an access token and the refresh token of the session's counter; `scopes` narrows what the roles give."""
    granted = scopes_of(user.roles) if scopes is None else scopes
    session, ttl = opened.session, desk.rules.access_seconds
    return SessionTokens(
        access_token=desk.signer.sign(person_claims(user, session, granted, now, ttl)),
        expires_in=ttl,
        refresh_token=derive_refresh_token(session.id, session.counter, opened.key),
        session_id=session.id,
        scope=" ".join(sorted(granted)),
    )


def revoked_until(now: datetime, rules: SessionRules) -> int:
    """Return the second from which a revocation made now has nothing left to refuse."""
    return int(now.timestamp()) + rules.access_seconds + _FEED_MARGIN_SECONDS


def require_recent(auth_time: int | None, now: datetime, rules: SessionRules) -> None:
    """Raise StepUpRequiredError unless the caller signed in within the last minutes (ASVS 7.5.2)."""
    if auth_time is None or now.timestamp() - auth_time > rules.recent_seconds:
        raise StepUpRequiredError(f"sign in again: this needs a sign-in of the last {rules.recent_seconds} s")

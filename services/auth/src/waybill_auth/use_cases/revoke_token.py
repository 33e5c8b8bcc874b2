"""End a token at its client's wish (RFC 7009)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from waybill_auth.domain.access_tokens import AUDIENCES
from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.clients import Client
from waybill_auth.domain.refresh_tokens import read_refresh_token
from waybill_auth.domain.sessions import Session
from waybill_auth.use_cases import desks, event_steps, session_steps
from waybill_auth.use_cases.ports import TokenReader, UnitOfWork, UnitOfWorkFactory


@dataclass(frozen=True)
class RevokeToken:
    """An authenticated client and a token that may be its own."""

    token: str
    client: Client
    origin: Origin = NOWHERE


def revoke_token(
    command: RevokeToken, unit_of_work: UnitOfWorkFactory, reader: TokenReader, desk: desks.SessionDesk
) -> None:
    """End the token; unknown, ended and foreign tokens are no error and nothing happens (RFC 7009 section 2.2).

    A refresh token, or an access token of a session, ends the session and so all of its tokens. A service's own access
    token is remembered as ended until it expires.
    """
    now = desk.clock()
    claims = reader.read(command.token, AUDIENCES)
    with unit_of_work() as work:
        session = _session_of(work, command.token, claims, desk)
        if session is not None and session.client_id == command.client.id:
            work.users.lock(session.user_id)
            facts = session_steps.end_sessions(work, [session.id], "revoked", now, desk.rules)
            event_steps.tell(work, session.user_id, facts)
        elif claims is not None and "sid" not in claims and claims["client_id"] == command.client.id:
            work.sessions.end_token(str(claims["jti"]), datetime.fromtimestamp(claims["exp"], UTC))
        else:
            return
        work.audit(AuditEntry("token.revoked", actor=command.client.id, origin=command.origin))


def _session_of(work: UnitOfWork, token: str, claims: dict[str, Any] | None, desk: desks.SessionDesk) -> Session | None:
    if claims is not None and "sid" in claims:
        return work.sessions.by_id(str(claims["sid"]))
    presented = read_refresh_token(token)
    session = work.sessions.by_id(presented.session_id) if presented is not None else None
    if presented is None or session is None:
        return None
    key = desk.keys.open(session.sealed_key, session.id)
    return session if key is not None and presented.is_genuine(key) else None

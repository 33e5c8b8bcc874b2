"""Exchange a refresh token for new tokens, with one successor for all racers and theft detection."""

from dataclasses import dataclass, replace
from datetime import datetime

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import InvalidGrantError, InvalidScopeError
from waybill_auth.domain.refresh_tokens import PresentedRefresh, read_refresh_token
from waybill_auth.domain.roles import scopes_of
from waybill_auth.domain.sessions import FIRST_PARTY_CLIENT, Verdict, judge_refresh
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps, session_steps, throttle_steps
from waybill_auth.use_cases.ports import UnitOfWork, UnitOfWorkFactory


@dataclass(frozen=True)
class RefreshSession:
    """A refresh token, the client that presents it, and the scopes to narrow to (None: all of the account's)."""

    refresh_token: str
    client_id: str = FIRST_PARTY_CLIENT
    scopes: frozenset[str] | None = None
    origin: Origin = NOWHERE


@dataclass(frozen=True)
class _Turn:
    """What one look at the session decided."""

    verdict: Verdict
    user: User
    opened: session_steps.OpenSession


def refresh_session(
    command: RefreshSession, unit_of_work: UnitOfWorkFactory, admission: desks.Admission, desk: desks.SessionDesk
) -> session_steps.SessionTokens:
    """Return the next tokens of the session (the table of verdicts is `domain.sessions.judge_refresh`).

    Raises InvalidGrantError alike for every token that earns nothing; a reused one ends its session first. Raises
    InvalidScopeError when more is asked for than the roles give, TooManyAttemptsError by client address.
    """
    throttle_steps.admit_client(
        unit_of_work, admission.links, "refresh", admission.limits.refresh_per_ip, command.origin
    )
    presented = read_refresh_token(command.refresh_token)
    if presented is None:
        raise InvalidGrantError
    now = desk.clock()
    with unit_of_work() as work:
        turn = _take_turn(work, presented, command, desk, now)
        if turn.verdict is Verdict.REUSE:
            _end_stolen(work, turn, command.origin, desk, now)
    if turn.verdict in {Verdict.REUSE, Verdict.REFUSE}:
        raise InvalidGrantError(turn.verdict.value)
    tokens = session_steps.make_tokens(turn.user, turn.opened, desk, now, command.scopes)
    return replace(tokens, outcome=turn.verdict.value)


def _take_turn(
    work: UnitOfWork, presented: PresentedRefresh, command: RefreshSession, desk: desks.SessionDesk, now: datetime
) -> _Turn:
    """Judge the token, and rotate when it is its turn; the returned session has the counter of the token to give."""
    turn = _look(work, presented, command, desk, now)
    if turn.verdict is not Verdict.ROTATE:
        return turn
    session, key = turn.opened.session, turn.opened.key
    if not work.sessions.rotate(session, now, session.idle_end_from(now, desk.rules)):
        # A racer was quicker; its commit is visible now, and the token is one behind or the session has ended.
        return _look(work, presented, command, desk, now)
    if not desk.keys.is_current(session.sealed_key):
        work.sessions.reseal(session.id, desk.keys.seal(key, session.id))
    return replace(turn, opened=session_steps.OpenSession(replace(session, counter=session.counter + 1), key))


def _look(
    work: UnitOfWork, presented: PresentedRefresh, command: RefreshSession, desk: desks.SessionDesk, now: datetime
) -> _Turn:
    session = work.sessions.by_id(presented.session_id)
    if session is None or session.client_id != command.client_id:
        raise InvalidGrantError
    key = desk.keys.open(session.sealed_key, session.id)
    user = work.users.by_id(session.user_id)
    if key is None or user is None or user.is_disabled or not presented.is_genuine(key):
        raise InvalidGrantError
    if command.scopes is not None and not command.scopes <= scopes_of(user.roles):
        raise InvalidScopeError("a refresh may narrow the scope and never widen it")
    # A racer may have rotated after `now` was read; that is an age of zero, not a negative one.
    verdict = judge_refresh(session, presented.counter, max(now, session.rotated_at), desk.rules)
    return _Turn(verdict, user, session_steps.OpenSession(session, key))


def _end_stolen(work: UnitOfWork, turn: _Turn, origin: Origin, desk: desks.SessionDesk, now: datetime) -> None:
    user_id, session_id = turn.user.id, turn.opened.session.id
    work.users.lock(user_id)
    revoked = session_steps.end_sessions(work, [session_id], "refresh_reuse", now, desk.rules)
    if revoked:
        work.audit(AuditEntry("session.refresh_reuse", "refused", None, user_id, "stolen_or_replayed", origin))
        event_steps.tell(work, user_id, [event_steps.Fact("session.refresh_reuse", {"sid": session_id}), *revoked])

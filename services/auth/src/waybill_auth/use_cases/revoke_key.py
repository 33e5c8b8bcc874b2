"""Take a signing key out of use at once, because its private half is no secret any more."""

from datetime import datetime

from waybill_common.messaging import NewEvent

from waybill_auth.domain.audit import AuditEntry
from waybill_auth.domain.errors import KeyNotFoundError
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.domain.signing_keys import KeyState, SigningKey
from waybill_auth.use_cases import event_steps, session_steps
from waybill_auth.use_cases.ports import Clock, KeyMaker, UnitOfWork, UnitOfWorkFactory

_OPERATOR = "operator"
_BATCH = 200


def revoke_key(kid: str, unit_of_work: UnitOfWorkFactory, maker: KeyMaker, rules: SessionRules, clock: Clock) -> int:
    """Drop the key, put another in its place if it was signing, and end every session; returns how many accounts.

    Call it again when it was cut short: a key that is gone already stays so, and the sessions that are left end. Raises
    KeyNotFoundError.
    """
    now = clock()
    with unit_of_work() as work:
        work.keys.lock()
        key = work.keys.by_kid(kid)
        if key is None:
            raise KeyNotFoundError(f"there is no key {kid!r}")
        if key.state is not KeyState.GONE:
            _drop(work, key, maker, now)
    return _end_everything(unit_of_work, rules, clock)


def _drop(work: UnitOfWork, revoked: SigningKey, maker: KeyMaker, now: datetime) -> None:
    kid = revoked.kid
    work.keys.set_state(kid, KeyState.GONE, now)
    work.audit(AuditEntry("key.revoked", actor=_OPERATOR, subject=kid))
    work.append_events([NewEvent("auth.key.rotated", kid, {"kid": kid, "state": str(KeyState.GONE)})])
    if revoked.state is not KeyState.ACTIVE:
        return
    others = [key for key in work.keys.all_live() if key.state is KeyState.STANDBY and key.alg == revoked.alg]
    if others:
        work.keys.set_state(others[0].kid, KeyState.ACTIVE, now)
    else:
        work.keys.add(maker.make(revoked.alg, KeyState.ACTIVE, now, now))


def _end_everything(unit_of_work: UnitOfWorkFactory, rules: SessionRules, clock: Clock) -> int:
    """End all sessions in batches: one transaction over every account would hold its locks for too long."""
    count, after = 0, ""
    while True:
        with unit_of_work() as work:
            user_ids = work.users.with_live_sessions(_BATCH, after)
            for user_id in user_ids:
                work.users.lock(user_id)
                event_steps.tell(
                    work,
                    user_id,
                    session_steps.end_all_sessions(work, user_id, "key_revoked", clock(), rules),
                    actor=_OPERATOR,
                )
        if not user_ids:
            return count
        count, after = count + len(user_ids), user_ids[-1]

"""Move the signing keys on: publish, activate, retire, drop."""

from dataclasses import dataclass
from datetime import timedelta

from waybill_common.messaging import NewEvent

from waybill_auth.domain.audit import AuditEntry
from waybill_auth.domain.signing_keys import KeyRules, KeyState, plan_rotation
from waybill_auth.use_cases.ports import Clock, KeyMaker, UnitOfWorkFactory


@dataclass(frozen=True)
class RotateKeys:
    """`is_asked_for` publishes a successor now, whatever the age of the active key."""

    alg: str
    is_asked_for: bool = False


@dataclass(frozen=True)
class Rotation:
    """The kids that were made, activated, retired and dropped."""

    created: tuple[str, ...]
    activated: tuple[str, ...]
    retired: tuple[str, ...]
    dropped: tuple[str, ...]


def rotate_keys(
    command: RotateKeys, unit_of_work: UnitOfWorkFactory, maker: KeyMaker, rules: KeyRules, clock: Clock
) -> Rotation:
    """Do what is due; run often, it mostly finds nothing.

    The first key of an empty ring is active at once, every later one only after it was published for long enough that
    every verifier has read it.
    """
    now = clock()
    with unit_of_work() as work:
        work.keys.lock()
        keys = work.keys.all_live()
        plan = plan_rotation(keys, command.alg, now, rules)
        changes = [(kid, KeyState.GONE) for kid in plan.drop]
        changes += [(plan.retire, KeyState.RETIRING)] if plan.retire else []
        changes += [(plan.activate, KeyState.ACTIVE)] if plan.activate else []
        for kid, state in changes:
            work.keys.set_state(kid, state, now)
        is_first = not any(key.alg == command.alg and key.state is KeyState.ACTIVE for key in keys)
        has_standby = any(key.alg == command.alg and key.state is KeyState.STANDBY for key in keys)
        created: tuple[str, ...] = ()
        if plan.create or (command.is_asked_for and not has_standby):
            state = KeyState.ACTIVE if is_first else KeyState.STANDBY
            wait = 0 if is_first else rules.publish_before
            key = maker.make(command.alg, state, now, now + timedelta(seconds=wait))
            work.keys.add(key)
            created = (key.kid,)
            changes.append((key.kid, state))
        for kid, state in changes:
            work.audit(AuditEntry("key.rotated", subject=kid, reason=state))
        work.append_events([NewEvent("auth.key.rotated", kid, {"kid": kid, "state": state}) for kid, state in changes])
    activated = (plan.activate,) if plan.activate else created if is_first else ()
    return Rotation(created, activated, (plan.retire,) if plan.retire else (), plan.drop)

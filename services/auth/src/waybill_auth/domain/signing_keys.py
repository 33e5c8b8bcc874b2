"""Signing keys and their life: standby, active, retiring, gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class KeyState(StrEnum):
    """`standby` is published but not used, `active` signs, `retiring` only verifies, `gone` does nothing."""

    STANDBY = "standby"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


PUBLISHED = (KeyState.STANDBY, KeyState.ACTIVE, KeyState.RETIRING)


@dataclass(frozen=True)
class KeyRules:
    """Times in seconds: age at which a key is replaced, publication before use, and keeping after the last use."""

    rotate_after: int = 30 * 86_400
    publish_before: int = 600  # twice the max-age of the key set
    keep_after: int = 660  # the longest token and a minute


@dataclass(frozen=True)
class SigningKey:
    """One key pair; `public_jwk` has `kid`, `use` and `alg`, `sealed_private` is the encrypted PKCS#8 form."""

    kid: str
    alg: str
    state: KeyState
    public_jwk: dict[str, str]
    sealed_private: bytes
    created_at: datetime
    activate_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True)
class RotationPlan:
    """What is due: kids to drop, a standby to activate (its predecessor retires), and whether a new key is needed."""

    drop: tuple[str, ...]
    activate: str | None
    retire: str | None
    create: bool


def plan_rotation(keys: Sequence[SigningKey], alg: str, now: datetime, rules: KeyRules) -> RotationPlan:
    """Return what is due now for the keys of one algorithm; a ring without any key of it gets one."""
    own = [key for key in keys if key.alg == alg]
    active = next((key for key in own if key.state is KeyState.ACTIVE), None)
    standby = next((key for key in own if key.state is KeyState.STANDBY), None)
    kept = timedelta(seconds=rules.keep_after)
    drop = tuple(
        key.kid for key in keys if key.state is KeyState.RETIRING and key.retired_at and key.retired_at + kept <= now
    )
    if standby is not None and (active is None or standby.activate_at <= now):
        return RotationPlan(drop, standby.kid, active.kid if active else None, create=False)
    lead = timedelta(seconds=rules.rotate_after - rules.publish_before)
    is_due = standby is None and (active is None or active.activate_at + lead <= now)
    return RotationPlan(drop, None, None, create=is_due)

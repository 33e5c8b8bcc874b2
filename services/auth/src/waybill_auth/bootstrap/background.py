"""The parts of the command line and of a worker process."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.clock import utc_now

from waybill_auth.bootstrap.wiring import Wiring
from waybill_auth.config import Settings
from waybill_auth.jobs.recurring import Housekeeping
from waybill_auth.use_cases.change_roles import ChangeRole, change_role
from waybill_auth.use_cases.create_admin import AdminRules, NewAdmin, create_admin
from waybill_auth.use_cases.purge_expired import purge_expired
from waybill_auth.use_cases.reconcile_clients import reconcile_clients
from waybill_auth.use_cases.revoke_key import revoke_key
from waybill_auth.use_cases.rotate_keys import RotateKeys, Rotation, rotate_keys
from waybill_auth.use_cases.set_account_state import SetAccountState, set_account_state


class Commands:
    """What the command line does, on a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._wiring = Wiring(settings, "cli")
        self._settings = settings
        self.close = self._wiring.close

    def reconcile_clients(self) -> tuple[str, ...]:
        """Make the table of service clients equal to the declaration."""
        return reconcile_clients(self._settings.clients.get_secret_value(), self._wiring.unit_of_work)

    def rotate_keys(self, is_asked_for: bool) -> Rotation:
        """Move the signing keys on; asked for, a successor is published now."""
        wiring = self._wiring
        command = RotateKeys(self._settings.signing_algorithm, is_asked_for)
        return rotate_keys(command, wiring.unit_of_work, wiring.forge, wiring.key_rules, utc_now)

    def revoke_key(self, kid: str) -> int:
        """Take a key out of use and end every session."""
        wiring = self._wiring
        return revoke_key(kid, wiring.unit_of_work, wiring.forge, wiring.session_rules, utc_now)

    def create_admin(self, email: str) -> NewAdmin:
        """Make an administrator with a one-time link."""
        wiring = self._wiring
        rules = AdminRules(wiring.addresses, wiring.link_rules, wiring.session_rules, self._settings.default_locale)
        return create_admin(email, wiring.unit_of_work, rules, utc_now)

    def change_role(self, command: ChangeRole) -> tuple[str, ...]:
        """Grant or revoke a role."""
        wiring = self._wiring
        return change_role(command, wiring.unit_of_work, wiring.addresses, wiring.session_rules, utc_now)

    def set_account_state(self, command: SetAccountState) -> None:
        """Switch an account off or on."""
        wiring = self._wiring
        set_account_state(command, wiring.unit_of_work, wiring.addresses, wiring.session_rules, utc_now)


@dataclass(frozen=True)
class WorkerParts:
    """What a worker process is made of."""

    engine: sa.Engine
    housekeeping: Housekeeping
    registry: CollectorRegistry
    close: Callable[[], None]


def build_worker(settings: Settings) -> WorkerParts:
    """Return the parts of one worker process."""
    wiring = Wiring(settings, "worker")
    command = RotateKeys(settings.signing_algorithm)
    housekeeping = Housekeeping(
        rotate_keys=partial(rotate_keys, command, wiring.unit_of_work, wiring.forge, wiring.key_rules, utc_now),
        purge_expired=partial(purge_expired, wiring.unit_of_work, settings.unverified_account_seconds, utc_now),
    )
    return WorkerParts(wiring.engine, housekeeping, wiring.registry, wiring.close)

"""The parts of a web process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.clock import utc_now
from waybill_common.database import (
    expected_revision,
    revision_is_ready,
)
from waybill_common.health import Check
from waybill_common.http.dead_letter_views import OpenLetters
from waybill_common.tokens import Verifier, VerifierSettings

from waybill_auth.bootstrap.rules import limits
from waybill_auth.bootstrap.wiring import Wiring
from waybill_auth.config import Settings, secret_pairs
from waybill_auth.domain.access_tokens import AUDIENCES
from waybill_auth.domain.passwords import PasswordPolicy
from waybill_auth.gateways.common_passwords import load_common_passwords
from waybill_auth.gateways.hash_gate import GateOptions, HashGate, usable_cpus
from waybill_auth.gateways.metrics import AuthMetrics
from waybill_auth.gateways.password_hasher import BcryptHasher
from waybill_auth.gateways.ring_keys import OwnTokenReader, RingKeys
from waybill_auth.gateways.secret_ring import SecretRing
from waybill_auth.gateways.signing import JwtSigner, RingCache
from waybill_auth.repositories.token_status import OwnRevocations
from waybill_auth.use_cases.authenticate_client import authenticate_client
from waybill_auth.use_cases.change_password import ChangeRules, change_password
from waybill_auth.use_cases.desks import Admission, Passwords, SessionDesk
from waybill_auth.use_cases.edit_profile import edit_profile
from waybill_auth.use_cases.end_session import end_session
from waybill_auth.use_cases.introspect_token import introspect_token
from waybill_auth.use_cases.issue_client_token import issue_client_token
from waybill_auth.use_cases.list_revocations import list_revocations
from waybill_auth.use_cases.list_sessions import list_sessions
from waybill_auth.use_cases.log_in import log_in
from waybill_auth.use_cases.log_out import log_out
from waybill_auth.use_cases.read_contact import read_contact
from waybill_auth.use_cases.read_mail_request import read_mail_request
from waybill_auth.use_cases.refresh_session import refresh_session
from waybill_auth.use_cases.register import register
from waybill_auth.use_cases.request_password_reset import request_password_reset
from waybill_auth.use_cases.reset_password import ResetRules, reset_password
from waybill_auth.use_cases.revoke_token import revoke_token
from waybill_auth.use_cases.show_profile import show_profile
from waybill_auth.use_cases.verify_email import verify_email
from waybill_auth.views.accounts import Accounts
from waybill_auth.views.internal import Internal
from waybill_auth.views.logout import SignOut
from waybill_auth.views.oauth import OAuth
from waybill_auth.views.profile import OwnAccount
from waybill_auth.views.well_known import WellKnown

PACKAGE = "waybill_auth"


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What the web application is made of."""

    settings: Settings
    registry: CollectorRegistry
    verifier: Verifier
    ready_checks: Mapping[str, Check]
    accounts: Accounts
    own_account: OwnAccount
    sign_out: SignOut
    oauth: OAuth
    well_known: WellKnown
    internal: Internal
    open_letters: OpenLetters
    close: Callable[[], None]


def build_web(settings: Settings) -> Dependencies:
    """Return the parts of one web process."""
    wiring = Wiring(settings, "web")
    metrics = AuthMetrics(wiring.registry)
    revocations, keys = OwnRevocations(wiring.engine), RingKeys(wiring.ring)
    verifiers = {
        audience: Verifier(VerifierSettings(settings.issuer, audience), keys, revocations) for audience in AUDIENCES
    }
    reader = OwnTokenReader(verifiers, revocations.is_ended)
    desk = SessionDesk(JwtSigner(wiring.ring, settings.issuer), wiring.session_keys, wiring.session_rules, utc_now)
    uow, rules, admission = wiring.unit_of_work, wiring.session_rules, admission_of(wiring)
    passwords = _passwords(settings, metrics)
    refresh = partial(refresh_session, unit_of_work=uow, admission=admission, desk=desk)
    return Dependencies(
        settings=settings,
        registry=wiring.registry,
        verifier=verifiers["auth"],
        ready_checks={"schema": _schema_check(wiring.engine), "keys": _keys_check(wiring.ring)},
        accounts=_accounts(wiring, metrics, passwords, desk),
        own_account=OwnAccount(
            show_profile=partial(show_profile, unit_of_work=uow),
            edit_profile=partial(edit_profile, unit_of_work=uow),
            change_password=partial(
                change_password,
                unit_of_work=uow,
                passwords=passwords,
                rules=ChangeRules(admission, rules),
                clock=utc_now,
            ),
            list_sessions=partial(list_sessions, unit_of_work=uow, rules=rules, clock=utc_now),
            end_session=partial(end_session, unit_of_work=uow, rules=rules, clock=utc_now),
        ),
        sign_out=SignOut(
            log_out=partial(log_out, unit_of_work=uow, rules=rules, clock=utc_now),
            verify_ended=Verifier(VerifierSettings(settings.issuer, "auth"), keys).verify,
        ),
        oauth=OAuth(
            authenticate_client=partial(authenticate_client, unit_of_work=uow),
            issue_client_token=partial(issue_client_token, signer=desk.signer, rules=rules, clock=utc_now),
            refresh_session=refresh,
            introspect_token=partial(introspect_token, reader=reader),
            revoke_token=partial(revoke_token, unit_of_work=uow, reader=reader, desk=desk),
            count_refresh=metrics.refresh,
        ),
        well_known=WellKnown(wiring.ring.jwks, settings.issuer, metrics.jwks_read),
        internal=Internal(
            read_contact=partial(read_contact, unit_of_work=uow),
            read_mail_request=partial(read_mail_request, unit_of_work=uow, links=wiring.link_rules, clock=utc_now),
            list_revocations=partial(list_revocations, unit_of_work=uow, rules=rules, clock=utc_now),
        ),
        open_letters=wiring.open_letters,
        close=wiring.close,
    )


def _accounts(wiring: Wiring, metrics: AuthMetrics, passwords: Passwords, desk: SessionDesk) -> Accounts:
    uow, admission = wiring.unit_of_work, admission_of(wiring)
    return Accounts(
        register=partial(register, unit_of_work=uow, admission=admission, passwords=passwords, clock=utc_now),
        verify_email=partial(verify_email, unit_of_work=uow, links=wiring.links, passwords=passwords, clock=utc_now),
        log_in=partial(log_in, unit_of_work=uow, admission=admission, hasher=passwords.hasher, desk=desk),
        refresh_session=partial(refresh_session, unit_of_work=uow, admission=admission, desk=desk),
        request_password_reset=partial(request_password_reset, unit_of_work=uow, admission=admission, clock=utc_now),
        reset_password=partial(
            reset_password,
            unit_of_work=uow,
            passwords=passwords,
            rules=ResetRules(wiring.links, wiring.session_rules),
            clock=utc_now,
        ),
        count_login=metrics.login,
        count_refresh=metrics.refresh,
        default_locale=wiring.settings.default_locale,
    )


def admission_of(wiring: Wiring) -> Admission:
    """Return how addresses are read and attempts limited."""
    return Admission(wiring.addresses, wiring.links, limits(wiring.settings))


def _passwords(settings: Settings, metrics: AuthMetrics) -> Passwords:
    slots = settings.hash_slots or max(1, usable_cpus() // settings.web_workers)
    options = GateOptions(slots, max_waiting=max(1, settings.web_threads // 4))
    gate = HashGate(options, metrics, time.monotonic)
    hasher = BcryptHasher(SecretRing(secret_pairs(settings.peppers)), settings.hash_cost, gate, metrics)
    return Passwords(hasher, PasswordPolicy(settings.password_min_length, load_common_passwords()))


def _schema_check(engine: sa.Engine) -> Check:
    """Return a check that fails until the schema is new enough; after that the database never fails readiness.

    Otherwise all pods would leave the service at once for a database that is away for a second.
    """
    expected, seen = expected_revision(PACKAGE), [False]

    def check() -> str | None:
        if not seen[0]:
            with engine.connect() as connection:
                seen[0] = revision_is_ready(connection, expected)
        return None if seen[0] else f"the schema is older than {expected}; run `auth migrate`"

    return check


def _keys_check(ring: RingCache) -> Check:
    seen = [False]

    def check() -> str | None:
        seen[0] = seen[0] or bool(ring.published())
        return None if seen[0] else "there is no signing key; run `auth migrate`"

    return check

"""Make the first administrator, without a default password."""

from dataclasses import dataclass, replace
from datetime import timedelta

from waybill_common.ids import new_id

from waybill_auth.domain.addresses import Address
from waybill_auth.domain.audit import AuditEntry
from waybill_auth.domain.mail_requests import PAGES, Purpose
from waybill_auth.domain.roles import ADMIN, CUSTOMER
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps, mail_steps, session_steps
from waybill_auth.use_cases.ports import AddressReader, Clock, UnitOfWork, UnitOfWorkFactory

_OPERATOR = "operator"
_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class NewAdmin:
    """The account, and a one-time link for choosing its password."""

    user_id: str
    link: str


@dataclass(frozen=True)
class AdminRules:
    """What making an administrator needs to know."""

    addresses: AddressReader
    links: desks.LinkRules
    sessions: SessionRules
    locale: str


def create_admin(email: str, unit_of_work: UnitOfWorkFactory, rules: AdminRules, clock: Clock) -> NewAdmin:
    """Give the address an account with the role admin and return a link that is good once, for 24 hours.

    An account that exists keeps its password until the link is used. Raises InvalidAddressError.
    """
    address = rules.addresses.read(email)
    now = clock()
    with unit_of_work() as work:
        user, facts = _find_or_add(work, address, rules, clock)
        if ADMIN not in user.roles:
            roles = (*user.roles, ADMIN)
            work.users.set_roles(user.id, roles)
            facts += [event_steps.Fact("user.roles_changed", {"roles": list(roles)})]
            facts += session_steps.end_all_sessions(work, user.id, "roles_changed", now, rules.sessions)
        work.mail_requests.supersede(user.id, [Purpose.RESET], now)
        request = mail_steps.new_request(user.id, user.email_key, Purpose.RESET, rules.links.keys, now)
        request = replace(request, expires_at=now + _LIFETIME)
        work.mail_requests.add(request)
        work.audit(AuditEntry("admin.created", actor=_OPERATOR, subject=user.id))
        event_steps.tell(work, user.id, facts, actor=_OPERATOR)
    link = f"{rules.links.base_url}{PAGES[Purpose.RESET]}#token={rules.links.keys.token(request)}"
    return NewAdmin(user.id, link)


def _find_or_add(
    work: UnitOfWork, address: Address, rules: AdminRules, clock: Clock
) -> tuple[User, list[event_steps.Fact]]:
    user = User(
        id=new_id("usr"),
        email=address.email,
        email_key=address.key,
        name=None,
        locale=rules.locale,
        timezone="UTC",
        password_hash=None,
        roles=(CUSTOMER,),
        created_at=clock(),
    )
    if work.users.add(user):
        return user, [event_steps.Fact("user.registered")]
    existing = work.users.by_email_key(address.key)
    assert existing is not None, "the address was taken a statement ago"
    locked = work.users.lock(existing.id)
    return locked or existing, []

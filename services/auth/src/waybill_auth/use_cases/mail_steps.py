"""Steps that several use cases share: asking for a mail, and judging a token that came by one."""

import hmac
from datetime import datetime

from waybill_common.clock import rfc3339
from waybill_common.ids import new_id

from waybill_auth.domain.errors import InvalidMailTokenError
from waybill_auth.domain.mail_requests import LIFETIMES, WITH_TOKEN, MailRequest, Purpose
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps
from waybill_auth.use_cases.ports import LinkKeys, UnitOfWork


def may_mail(work: UnitOfWork, admission: desks.Admission, purpose: Purpose, email_key: str) -> bool:
    """Take one mail of this purpose from the address's limits; False says that it gets no more for now.

    Counted whether or not the address is anyone's, so the limit tells nothing.
    """
    limits, links = admission.limits, admission.links
    if work.throttle.count(links.bucket(f"mail-{purpose}-burst", email_key), limits.mail_burst):
        return False
    return not work.throttle.count(links.bucket(f"mail-{purpose}-daily", email_key), limits.mail_daily)


def ask_for_mail(
    work: UnitOfWork, user: User, purpose: Purpose, links: LinkKeys, now: datetime
) -> tuple[MailRequest, event_steps.Fact]:
    """Insert a mail request to the account's stored address; a newer one with a token supersedes the older."""
    if purpose in WITH_TOKEN:
        work.mail_requests.supersede(user.id, [purpose], now)
    request = new_request(user.id, user.email_key, purpose, links, now)
    work.mail_requests.add(request)
    data = {"mail_request_id": request.id, "purpose": str(purpose), "expires_at": rfc3339(request.expires_at)}
    return request, event_steps.Fact("mail.requested", data)


def new_request(user_id: str | None, email_key: str, purpose: Purpose, links: LinkKeys, now: datetime) -> MailRequest:
    """Return a request that is not stored yet; without a user it stands for an address that nobody has."""
    version = links.current_version
    return MailRequest(
        id=new_id("mrq"),
        user_id=user_id,
        address_key=links.address_key(version, email_key),
        purpose=purpose,
        key_version=version,
        created_at=now,
        expires_at=now + LIFETIMES[purpose],
    )


def open_request(
    work: UnitOfWork, token: str, purpose: Purpose, links: LinkKeys, now: datetime
) -> tuple[MailRequest, User]:
    """Return the request of a mailed token and its account, without spending it.

    Raises InvalidMailTokenError alike for a token that is unknown, forged, used, superseded, expired, of another
    purpose, or for an address that the account no longer has.
    """
    request_id = links.request_id_of(token)
    request = work.mail_requests.by_id(request_id) if request_id is not None else None
    if request is None or not links.is_genuine(token, request) or request.user_id is None:
        raise InvalidMailTokenError("the token is not ours")
    user = work.users.by_id(request.user_id)
    if user is None or request.purpose is not purpose or not request.is_open(now) or not is_for(request, user, links):
        raise InvalidMailTokenError("the token is not good any more")
    return request, user


def spend(work: UnitOfWork, request: MailRequest, links: LinkKeys, now: datetime) -> User:
    """Spend the request and return its account, whose row is locked from now on.

    Raises InvalidMailTokenError when somebody was quicker, or the account has another address by now.
    """
    user = work.users.lock(request.user_id or "")
    if user is None or not is_for(request, user, links) or not work.mail_requests.use(request.id, now):
        raise InvalidMailTokenError("the token was used meanwhile")
    return user


def is_for(request: MailRequest, user: User, links: LinkKeys) -> bool:
    """Tell whether the account still has the address that the request was made for."""
    return hmac.compare_digest(links.address_key(request.key_version, user.email_key), request.address_key)

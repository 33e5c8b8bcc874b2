"""Tell the notifier what a requested mail needs, link included, at the moment it renders."""

from dataclasses import dataclass
from datetime import datetime

from waybill_auth.domain.errors import MailRequestGoneError, MailRequestNotFoundError
from waybill_auth.domain.mail_requests import PAGES, WITH_TOKEN, Purpose
from waybill_auth.use_cases import desks, mail_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory


@dataclass(frozen=True)
class MailContent:
    """Where the mail goes and what stands in it; the link must not be stored."""

    purpose: Purpose
    email: str
    name: str | None
    locale: str
    link: str
    expires_at: datetime


def read_mail_request(
    request_id: str, unit_of_work: UnitOfWorkFactory, links: desks.LinkRules, clock: Clock
) -> MailContent:
    """Return the content; the same request gives the same link each time.

    Raises MailRequestNotFoundError, or MailRequestGoneError when it is used, superseded, expired or the account has
    another address by now.
    """
    with unit_of_work() as work:
        request = work.mail_requests.by_id(request_id)
        user = work.users.by_id(request.user_id) if request is not None and request.user_id is not None else None
    if request is None or user is None:
        raise MailRequestNotFoundError(request_id)
    if not request.is_open(clock()) or not mail_steps.is_for(request, user, links.keys):
        raise MailRequestGoneError(request_id)
    token = f"#token={links.keys.token(request)}" if request.purpose in WITH_TOKEN else ""
    link = f"{links.base_url}{PAGES[request.purpose]}{token}"
    return MailContent(request.purpose, user.email, user.name, user.locale, link, request.expires_at)

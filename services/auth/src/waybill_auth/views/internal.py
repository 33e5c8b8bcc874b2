"""What other services ask of auth: contacts, mail requests, revocations."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from flask import Response
from waybill_common.clock import parse_rfc3339, rfc3339
from waybill_common.http import GuardedBlueprint, json_answer, operation, service
from waybill_common.problems import Problem

from waybill_auth.domain.errors import MailRequestNotFoundError, UserNotFoundError
from waybill_auth.domain.revocations import Revocation
from waybill_auth.domain.users import Profile
from waybill_auth.use_cases.read_mail_request import MailContent
from waybill_auth.views.schemas import ContactAnswer, MailRequestAnswer, RevocationsAnswer, RevocationsQuery

_USER_ID = re.compile(r"^usr_[0-9a-f]{32}$")
_REQUEST_ID = re.compile(r"^mrq_[0-9a-f]{32}$")
_NO_STORE = "no-store"


@dataclass(frozen=True)
class Internal:
    """The use cases behind these routes."""

    read_contact: Callable[[str], Profile]
    read_mail_request: Callable[[str], MailContent]
    list_revocations: Callable[[datetime | None], list[Revocation]]


def internal_blueprints(use: Internal) -> list[GuardedBlueprint]:
    """Return the routes below `/internal`, each behind its own scope."""
    return [_contacts(use), _mail_requests(use), _revocations(use)]


def _contacts(use: Internal) -> GuardedBlueprint:
    routes = GuardedBlueprint("internal_contacts", __name__, access=service("auth:contact"))

    @routes.get("/internal/users/<user_id>/contact")
    @operation(answers={200: ContactAnswer})
    def contact(user_id: str) -> Response:
        """Return how to reach an account."""
        if not _USER_ID.match(user_id):
            raise UserNotFoundError(user_id)
        profile = use.read_contact(user_id)
        names = ("email", "name", "locale", "timezone")
        return json_answer({name: getattr(profile, name) for name in names}, cache=_NO_STORE)

    return routes


def _mail_requests(use: Internal) -> GuardedBlueprint:
    routes = GuardedBlueprint("internal_mail_requests", __name__, access=service("auth:mail"))

    @routes.get("/internal/mail-requests/<request_id>")
    @operation(answers={200: MailRequestAnswer})
    def mail_request(request_id: str) -> Response:
        """Return what a requested mail needs, its link included; 410 when it must not be sent any more."""
        if not _REQUEST_ID.match(request_id):
            raise MailRequestNotFoundError(request_id)
        content = use.read_mail_request(request_id)
        body = asdict(content) | {"purpose": str(content.purpose), "expires_at": rfc3339(content.expires_at)}
        return json_answer(body, cache=_NO_STORE)

    return routes


def _revocations(use: Internal) -> GuardedBlueprint:
    routes = GuardedBlueprint("internal_revocations", __name__, access=service("auth:revocations"))

    @routes.get("/internal/revocations")
    @operation(query=RevocationsQuery, answers={200: RevocationsAnswer})
    def revocations(query: RevocationsQuery) -> Response:
        """Return what was revoked lately: what a starting service must know."""
        since = _moment(query.since) if query.since is not None else None
        return json_answer({"data": [asdict(entry) for entry in use.list_revocations(since)]}, cache=_NO_STORE)

    return routes


def _moment(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(text), UTC) if text.replace(".", "", 1).isdecimal() else parse_rfc3339(text)
    except (ValueError, OverflowError, OSError):
        detail = "`since` is RFC 3339 or seconds since 1970."
        raise Problem(400, "invalid_query", detail) from None

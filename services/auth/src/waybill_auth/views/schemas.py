"""What the routes take and give, as the contract has it."""

import zoneinfo
from datetime import datetime
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field
from waybill_common.problems import Input, Line


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _time_zone(name: str) -> str:
    # An image without time zone data knows none; then the form must do.
    if _known_zones() and name not in _known_zones():
        raise ValueError("is no time zone of the IANA database, as in Asia/Seoul")
    return name


Email = Annotated[Line, Field(max_length=254)]
Name = Annotated[Line, Field(min_length=1, max_length=100)]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
TimeZone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$"), AfterValidator(_time_zone)]
MailToken = Annotated[str, Field(max_length=256)]


class RegisterBody(Input):
    """A registration."""

    email: Email
    password: str
    name: Name | None = None
    locale: Locale | None = None


class VerifyBody(Input):
    """A mailed token and the password of the account from now on."""

    token: MailToken
    password: str


class LoginBody(Input):
    """A sign-in; anything that is text may be tried."""

    email: str
    password: str


class RefreshBody(Input):
    """A refresh token."""

    refresh_token: str


class ForgotBody(Input):
    """The address of an account, if there is one."""

    email: Email


class ResetBody(Input):
    """A mailed token and the new password."""

    token: MailToken
    password: str


class ChangeBody(Input):
    """The current password and the new one."""

    current: str
    new: str


class ProfileBody(Input):
    """What of a profile shall change; absent members stay, a null name removes it."""

    name: Name | None = None
    locale: Locale = ""
    timezone: TimeZone = ""


class LogoutQuery(Input):
    """Which sessions end."""

    scope: Literal["local", "others", "global"] = "local"


class RevocationsQuery(Input):
    """From when: RFC 3339 or whole seconds since 1970."""

    since: Annotated[str, Field(max_length=40)] | None = None


class Empty(BaseModel):
    """An empty object, on purpose: it says the same whatever happened."""


class TokensAnswer(BaseModel):
    """A session's tokens."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    refresh_token: str
    session_id: str


class ProfileAnswer(BaseModel):
    """A person's own account."""

    id: str
    email: str
    name: str | None
    locale: str
    timezone: str
    roles: list[str]
    created_at: datetime


class SessionAnswer(BaseModel):
    """One live session."""

    id: str
    current: bool
    ip: str | None
    user_agent: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class SessionsAnswer(BaseModel):
    """All live sessions; there are never more than a page of them."""

    data: list[SessionAnswer]
    next_cursor: None = None
    has_more: Literal[False] = False


class ContactAnswer(BaseModel):
    """How to reach an account."""

    email: str
    name: str | None
    locale: str
    timezone: str


class MailRequestAnswer(BaseModel):
    """What a mail needs when it is rendered."""

    purpose: str
    email: str
    name: str | None
    locale: str
    link: str
    expires_at: datetime


class RevocationAnswer(BaseModel):
    """One revocation; times are whole seconds since 1970."""

    kind: Literal["sid", "sub"]
    id: str
    not_before: int | None
    until: int


class RevocationsAnswer(BaseModel):
    """What was revoked lately."""

    data: list[RevocationAnswer]

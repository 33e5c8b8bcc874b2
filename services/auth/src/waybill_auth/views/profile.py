"""What a person does with his own account: profile, password, sessions."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response
from waybill_common.clock import rfc3339
from waybill_common.http import PERSON, GuardedBlueprint, current_caller, empty_answer, json_answer, operation

from waybill_auth.domain.errors import SessionNotFoundError
from waybill_auth.domain.users import Profile
from waybill_auth.use_cases.change_password import ChangePassword
from waybill_auth.use_cases.edit_profile import EditProfile
from waybill_auth.use_cases.end_session import EndSession
from waybill_auth.use_cases.list_sessions import ListSessions, SessionSummary
from waybill_auth.views.origin import request_origin
from waybill_auth.views.schemas import ChangeBody, ProfileAnswer, ProfileBody, SessionsAnswer

_SESSION_ID = re.compile(r"^ses_[0-9a-f]{32}$")
_NO_STORE = "no-store"


@dataclass(frozen=True)
class OwnAccount:
    """The use cases behind these routes."""

    show_profile: Callable[[str], Profile]
    edit_profile: Callable[[EditProfile], Profile]
    change_password: Callable[[ChangePassword], None]
    list_sessions: Callable[[ListSessions], list[SessionSummary]]
    end_session: Callable[[EndSession], None]


def profile_blueprint(use: OwnAccount) -> GuardedBlueprint:
    """Return the routes of a person's own account."""
    routes = GuardedBlueprint("profile", __name__, access=PERSON)
    _add_sessions(routes, use)

    @routes.get("/v1/me")
    @operation(answers={200: ProfileAnswer})
    def show() -> Response:
        """Show the caller's account."""
        return _profile_answer(use.show_profile(current_caller().subject))

    @routes.patch("/v1/me")
    @operation(body=ProfileBody, answers={200: ProfileAnswer})
    def edit(body: ProfileBody) -> Response:
        """Change the caller's name, language or time zone."""
        changes = body.model_dump(include=body.model_fields_set)
        return _profile_answer(use.edit_profile(EditProfile(current_caller().subject, changes, request_origin())))

    @routes.post("/v1/password/change")
    @operation(body=ChangeBody, answers={204: None})
    def change(body: ChangeBody) -> Response:
        """Change the caller's password; all his other sessions end."""
        caller = current_caller()
        use.change_password(ChangePassword(caller.subject, caller.session_id, body.current, body.new, request_origin()))
        return empty_answer()

    return routes


def _add_sessions(routes: GuardedBlueprint, use: OwnAccount) -> None:
    @routes.get("/v1/sessions")
    @operation(answers={200: SessionsAnswer})
    def list_own() -> Response:
        """List the caller's sessions, newest first; needs a sign-in of the last minutes."""
        caller = current_caller()
        sessions = use.list_sessions(ListSessions(caller.subject, caller.session_id, caller.auth_time))
        body = {"data": [_session(session) for session in sessions], "next_cursor": None, "has_more": False}
        return json_answer(body, cache=_NO_STORE)

    @routes.delete("/v1/sessions/<session_id>")
    @operation(answers={204: None})
    def end(session_id: str) -> Response:
        """End one of the caller's sessions; another than his current one needs a sign-in of the last minutes."""
        if not _SESSION_ID.match(session_id):
            raise SessionNotFoundError(session_id)
        caller = current_caller()
        use.end_session(EndSession(session_id, caller.subject, caller.session_id, caller.auth_time, request_origin()))
        return empty_answer()


def _profile_answer(profile: Profile) -> Response:
    body = {
        "id": profile.id,
        "email": profile.email,
        "name": profile.name,
        "locale": profile.locale,
        "timezone": profile.timezone,
        "roles": list(profile.roles),
        "created_at": rfc3339(profile.created_at),
    }
    return json_answer(body, cache=_NO_STORE)


def _session(session: SessionSummary) -> dict[str, object]:
    return {
        "id": session.id,
        "current": session.is_current,
        "ip": session.ip,
        "user_agent": session.user_agent,
        "created_at": rfc3339(session.created_at),
        "last_seen_at": rfc3339(session.last_seen_at),
        "expires_at": rfc3339(session.expires_at),
    }

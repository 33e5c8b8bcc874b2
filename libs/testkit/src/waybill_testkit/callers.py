"""A verifier for tests whose tokens say in plain words who calls and with which scopes."""

from __future__ import annotations

from waybill_common.tokens import Caller, InvalidTokenError


class TokenIsTheCaller:
    """`"usr_ann"` is a person without scopes, `"usr_sam orders:ship orders:refund"` one with two, `"svc_x"` a service.

    It stands where a service expects a `waybill_common.tokens.Verifier`.
    """

    def verify(self, token: str) -> Caller:
        """Return the caller that the token names; raises InvalidTokenError for what names none."""
        subject, *scopes = token.split()
        if not subject.startswith(("usr_", "svc_")):
            raise InvalidTokenError("no test caller")
        return Caller(
            subject=subject,
            kind="person" if subject.startswith("usr_") else "service",
            client_id="web",
            session_id="ses_1",
            scopes=frozenset(scopes),
            roles=(),
            issued_at=0,
            auth_time=0,
            amr=(),
        )

"""What auth refuses, each with a stable code; `views/errors.py` gives each its status."""

from typing import ClassVar


class DomainError(Exception):
    """Base of every refusal; `code` is what clients switch on."""

    code: ClassVar[str] = ""


class InvalidCredentialsError(DomainError):
    """The one answer for an unknown account, a wrong password, a disabled account and everything alike."""

    code = "invalid_credentials"


class EmailNotVerifiedError(DomainError):
    """The password was right, but nobody has shown that the mailbox is his."""

    code = "email_not_verified"


class AccountDisabledError(DomainError):
    """The password was right, but the account was switched off; said only then."""

    code = "account_disabled"


class WeakPasswordError(DomainError):
    """The password breaks the policy; `reasons` lists every rule it breaks."""

    code = "weak_password"

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = reasons


class InvalidAddressError(DomainError):
    """The e-mail address cannot be used; the text says why."""

    code = "invalid_email"


class InvalidMailTokenError(DomainError):
    """A token from a mail is unknown, used, superseded, expired or meant for something else: one answer for all."""

    code = "invalid_or_expired_token"


class TooManyAttemptsError(DomainError):
    """A limit of the throttle is reached; try again after `wait_seconds`."""

    code = "too_many_attempts"

    def __init__(self, wait_seconds: float) -> None:
        super().__init__(f"wait {wait_seconds:.0f} s")
        self.wait_seconds = wait_seconds


class HashBusyError(DomainError):
    """No hash slot came free in time; the same request may succeed in a second."""

    code = "sign_in_busy"


class InvalidGrantError(DomainError):
    """A refresh token that earns nothing; `outcome` (reuse or invalid) is for the metrics, never for the client."""

    code = "invalid_grant"

    def __init__(self, outcome: str = "invalid") -> None:
        super().__init__("the refresh token is not valid")
        self.outcome = outcome


class InvalidScopeError(DomainError):
    """More scope was asked for than is held."""

    code = "invalid_scope"


class InvalidTargetError(DomainError):
    """The client asked for a resource it may not call (RFC 8707 section 2)."""

    code = "invalid_target"


class InvalidClientError(DomainError):
    """Client authentication failed (RFC 6749 section 5.2)."""

    code = "invalid_client"


class UnauthorizedClientError(DomainError):
    """The client is known but may not use this grant."""

    code = "unauthorized_client"


class StepUpRequiredError(DomainError):
    """This needs a sign-in that is only minutes old."""

    code = "step_up_required"


class SessionNotFoundError(DomainError):
    """The caller has no session with this id."""

    code = "session_not_found"


class UserNotFoundError(DomainError):
    """No such account."""

    code = "user_not_found"


class MailRequestNotFoundError(DomainError):
    """No such mail request."""

    code = "mail_request_not_found"


class MailRequestGoneError(DomainError):
    """The mail request is used, superseded or expired: its mail must not be sent any more."""

    code = "mail_request_gone"


class LastAdminError(DomainError):
    """The last administrator cannot lose the role."""

    code = "last_admin"


class UnknownRoleError(DomainError):
    """A role that does not exist."""

    code = "unknown_role"


class KeyNotFoundError(DomainError):
    """No live signing key with this kid."""

    code = "key_not_found"


class NoSigningKeyError(DomainError):
    """The ring has no active key of the configured algorithm; `auth migrate` makes the first."""

    code = "signing_key_missing"


class ClientsFileError(DomainError):
    """The declared service clients cannot be read; the text says which line and what it should be."""

    code = "clients_file_invalid"

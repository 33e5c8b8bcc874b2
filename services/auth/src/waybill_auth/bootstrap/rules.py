"""From settings to the rules of the domain."""

from waybill_auth.config import Settings
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.domain.signing_keys import KeyRules
from waybill_auth.domain.throttles import Backoff, Limits, Window


def session_rules(settings: Settings) -> SessionRules:
    """Return the lifetimes of sessions and tokens."""
    return SessionRules(
        idle_seconds=settings.session_idle_seconds,
        absolute_seconds=settings.session_absolute_seconds,
        access_seconds=settings.access_token_seconds,
        service_seconds=settings.service_token_seconds,
        grace_seconds=settings.refresh_grace_seconds,
        recent_seconds=settings.recent_sign_in_seconds,
        max_sessions=settings.session_max_per_user,
    )


def limits(settings: Settings) -> Limits:
    """Return every limit of the throttle."""
    return Limits(
        login_per_ip=Window(settings.login_ip_limit, settings.login_ip_window_seconds),
        register_per_ip=Window(settings.register_ip_limit, settings.register_ip_window_seconds),
        forgot_per_ip=Window(settings.forgot_ip_limit, settings.forgot_ip_window_seconds),
        refresh_per_ip=Window(settings.refresh_ip_limit, settings.refresh_ip_window_seconds),
        mail_burst=Window(settings.mail_burst_limit, settings.mail_burst_window_seconds),
        mail_daily=Window(settings.mail_daily_limit, 86_400),
        login_failures=Backoff(
            settings.login_free_failures,
            settings.login_first_wait_seconds,
            settings.login_max_wait_seconds,
            settings.login_failures_reset_seconds,
        ),
    )


def key_rules(settings: Settings) -> KeyRules:
    """Return when keys are replaced, published and dropped."""
    longest = max(settings.access_token_seconds, settings.service_token_seconds)
    return KeyRules(settings.key_rotation_seconds, settings.key_publish_seconds, longest + 60)

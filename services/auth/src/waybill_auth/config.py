"""Settings of the auth service, from the environment and mounted files."""

import base64
import binascii
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr
from waybill_common.settings import ServiceSettings, Shared, load_settings

_KEY_ID = re.compile(r"^[A-Za-z0-9_-]{1,32}$")
_SECRET_BYTES = 32
_URL_SAFE = str.maketrans("-_", "+/")


def secret_pairs(text: SecretStr) -> list[tuple[str, bytes]]:
    """Return the secrets of `id:base64,id:base64`, the current one first; raises ValueError that shows no secret."""
    pairs: list[tuple[str, bytes]] = []
    for number, part in enumerate(text.get_secret_value().split(","), start=1):
        key_id, _, encoded = part.strip().partition(":")
        try:
            padded = encoded.translate(_URL_SAFE) + "=" * (-len(encoded) % 4)
            secret = base64.b64decode(padded, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"secret number {number} is not base64") from None
        if not _KEY_ID.match(key_id) or len(secret) != _SECRET_BYTES:
            raise ValueError(f"secret number {number} must be `id:base64` of {_SECRET_BYTES} bytes")
        if key_id in dict(pairs):
            raise ValueError(f"secret number {number} has an id that stands before it already")
        pairs.append((key_id, secret))
    return pairs


def _checked(text: SecretStr) -> SecretStr:
    secret_pairs(text)
    return text


Secrets = Annotated[SecretStr, AfterValidator(_checked)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[int, Field(ge=1, le=366 * 86_400)]


class Settings(ServiceSettings):
    """All settings; secrets of 32 bytes each are `id:base64`, comma separated, the current one first."""

    service: ClassVar[str] = "auth"
    web_port_default: ClassVar[int] = 8081

    web_threads: Annotated[int, Field(ge=1, le=64, description="waiting sign-ins hold threads")] = 16
    database_pool_size: Annotated[int, Field(ge=1, description="connections a process")] = 16

    peppers: Annotated[Secrets, Field(description="keys of the password hashes, id:base64")]
    key_encryption_keys: Annotated[Secrets, Field(description="encrypt signing and session keys, id:base64")]
    link_keys: Annotated[Secrets, Field(description="sign the links of mails, id:base64")]
    clients: Annotated[SecretStr, Field(description="JSON list of service clients for `migrate`")] = SecretStr("")

    hash_cost: Annotated[int, Field(ge=4, le=16, description="bcrypt cost; 12 outside of tests")] = 12
    worker_grace_seconds: Annotated[float, Field(ge=0, le=3600, description="for jobs that run at SIGTERM")] = 45
    hash_slots: Annotated[int, Field(ge=0, le=64, description="hashes at once a worker; 0 = CPUs / workers")] = 0
    password_min_length: Annotated[int, Field(ge=8, le=64)] = 15
    signing_algorithm: Literal["ES256", "RS256"] = "ES256"
    default_locale: Annotated[str, Shared(), Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"

    access_token_seconds: Annotated[int, Field(ge=30, le=3_600)] = 600
    service_token_seconds: Annotated[int, Field(ge=30, le=3_600)] = 300
    refresh_grace_seconds: Annotated[int, Field(ge=0, le=60)] = 10
    recent_sign_in_seconds: Seconds = 600
    session_idle_seconds: Seconds = 7 * 86_400
    session_absolute_seconds: Seconds = 30 * 86_400
    session_max_per_user: Annotated[int, Field(ge=1, le=100)] = 20
    key_rotation_seconds: Seconds = 30 * 86_400
    key_publish_seconds: Annotated[int, Field(ge=0, le=86_400, description="from publication to first use")] = 600
    unverified_account_seconds: Seconds = 7 * 86_400

    login_ip_limit: Count = 20
    login_ip_window_seconds: Seconds = 60
    register_ip_limit: Count = 5
    register_ip_window_seconds: Seconds = 60
    forgot_ip_limit: Count = 5
    forgot_ip_window_seconds: Seconds = 600
    refresh_ip_limit: Count = 120
    refresh_ip_window_seconds: Seconds = 60
    mail_burst_limit: Annotated[Count, Field(description="mails to one address in the window")] = 1
    mail_burst_window_seconds: Seconds = 60
    mail_daily_limit: Count = 5
    login_free_failures: Count = 5
    login_first_wait_seconds: Annotated[float, Field(gt=0, le=3_600)] = 1.0
    login_max_wait_seconds: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    login_failures_reset_seconds: Seconds = 43_200


def load() -> Settings:
    """Read the settings; raises SettingsError with every fault at once."""
    return load_settings(Settings)

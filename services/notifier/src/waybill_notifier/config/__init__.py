"""The notifier's settings: WAYBILL_NOTIFIER_… unless marked shared."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from waybill_common.settings import ServiceSettings, Shared, load_settings

from waybill_notifier.config.smtp_url import SmtpServer, parse_smtp_url


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


Seconds = Annotated[float, Field(gt=0, le=86_400)]
Schedule = Annotated[
    tuple[Seconds, ...], BeforeValidator(_split), Field(min_length=1, description="comma separated seconds")
]
_ADDRESS = r"^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
_DOMAIN = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"


class Settings(ServiceSettings):
    """See ServiceSettings for what all services share."""

    service: ClassVar[str] = "notifier"
    web_port_default: ClassVar[int] = 8083

    smtp_url: Annotated[
        SecretStr,
        Shared(),
        Field(description="smtp://user:password@host:port?tls=required|opportunistic|off, or smtps://…"),
    ] = SecretStr("smtp://127.0.0.1:1025?tls=off")
    smtp_ca_file: Annotated[Path | None, Shared(), Field(description="PEM; the system's authorities when unset")] = None
    smtp_connect_seconds: Seconds = 5
    smtp_command_seconds: Annotated[Seconds, Field(description="greeting, EHLO, AUTH, MAIL, RCPT, DATA")] = 30
    smtp_data_seconds: Annotated[Seconds, Field(description="sending the mail itself")] = 60
    smtp_final_seconds: Annotated[Seconds, Field(description="answer to the final dot; under 300 doubles mails")] = 300
    smtp_reuse_mails: Annotated[int, Field(ge=1, le=10_000)] = 100
    smtp_reuse_idle_seconds: Seconds = 60
    smtp_rate_per_second: Annotated[float, Field(gt=0, le=10_000, description="of one process")] = 100
    smtp_breaker_failures: Annotated[int, Field(ge=1, le=100)] = 5
    smtp_breaker_seconds: Seconds = 30
    smtp_configuration_seconds: Annotated[Seconds, Field(description="hold after a fault of configuration")] = 60

    mail_from_address: Annotated[str, Field(pattern=_ADDRESS, max_length=254)] = "orders@waybill.example"
    mail_from_name: Annotated[str, Field(min_length=1, max_length=64)] = "Waybill"
    mail_reply_to: Annotated[str, Field(pattern=rf"{_ADDRESS}|^$", max_length=254)] = ""
    mail_domain: Annotated[str, Field(pattern=_DOMAIN, max_length=36, description="default: domain of the sender")] = ""
    bounce_domain: Annotated[str, Field(pattern=_DOMAIN, description="default: bounce.<mail domain>")] = ""
    shop_name: Annotated[str, Field(min_length=1, max_length=64)] = "Waybill"
    secret_key: Annotated[
        SecretStr, Field(min_length=16, description="signs bounce addresses and hashes suppressed ones; 16 characters")
    ]

    retry_short_lived_seconds: Schedule = (5, 15, 30, 60, 120, 300)
    retry_patient_seconds: Schedule = (30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800)
    uncertain_seconds: Annotated[Seconds, Field(description="wait before a mail that may have arrived is retried")] = (
        900
    )
    order_mail_life_hours: Annotated[float, Field(gt=0, le=168)] = 48
    mailbox_full_hours: Annotated[float, Field(gt=0, le=168)] = 48
    suppression_days: Annotated[int, Field(ge=1, le=3650)] = 30
    record_seconds: Annotated[Seconds, Field(description="how long the result of a mail is tried to be written")] = 30

    worker_threads: Annotated[int, Field(ge=1, le=64)] = 4
    worker_lease_seconds: Annotated[float, Field(ge=0.2, le=600)] = 60
    worker_grace_seconds: Annotated[float, Field(ge=0, le=3600, description="above the final dot's wait")] = 390
    consumer_threads: Annotated[int, Field(ge=1, le=16)] = 1

    @model_validator(mode="before")
    @classmethod
    def _fill_domains(cls, values: dict[str, str]) -> dict[str, str]:
        sender = values.get("mail_from_address") or cls.model_fields["mail_from_address"].default
        mail_domain = values.get("mail_domain") or sender.rpartition("@")[2].lower()
        bounce_domain = values.get("bounce_domain") or f"bounce.{mail_domain}"
        return values | {"mail_domain": mail_domain, "bounce_domain": bounce_domain}

    @field_validator("mail_from_name", "shop_name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if re.search(r"[\x00-\x1f\x7f\u2028\u2029]|=\?", value):
            raise ValueError("holds a control character or `=?`")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp_url(cls, value: SecretStr) -> SecretStr:
        parse_smtp_url(value.get_secret_value())
        return value

    @property
    def smtp_server(self) -> SmtpServer:
        """Where mail is handed over."""
        return parse_smtp_url(self.smtp_url.get_secret_value(), self.smtp_ca_file)


def load() -> Settings:
    """Read the environment; raises SettingsError that lists every fault."""
    return load_settings(Settings)

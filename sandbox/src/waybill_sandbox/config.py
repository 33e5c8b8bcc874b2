"""The sandbox's settings, `WAYBILL_SANDBOX_…`, read once."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from standardwebhooks import Webhook
from waybill_common.settings import ServiceSettings, load_settings


class Settings(ServiceSettings):
    """Where the sandbox keeps its charges, where it tells of them, and how slow its slow tokens are."""

    service: ClassVar[str] = "sandbox"
    web_port_default: ClassVar[int] = 8084

    webhook_url: Annotated[
        str, Field(pattern=r"^(https?://.+)?$", description="where webhooks go; empty lets them wait in their rows")
    ] = ""
    webhook_secret: Annotated[SecretStr, Field(description="whsec_ and base64, the receiver has the same")] = SecretStr(
        ""
    )
    webhook_timeout_seconds: Annotated[float, Field(gt=0, le=60, description="how long a receiver may take")] = 5.0
    webhook_backoff_seconds: Annotated[float, Field(gt=0, le=60, description="first pause; it doubles up to 30 s")] = (
        0.5
    )
    timeout_seconds: Annotated[
        float, Field(ge=0, le=120, description="how late tok_timeout and tok_timeout_lost answer")
    ] = 10.0
    async_seconds: Annotated[float, Field(ge=0, le=3600, description="after how long tok_async is settled")] = 1.0

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_secret(cls, secret: SecretStr) -> SecretStr:
        if secret.get_secret_value():
            Webhook(secret.get_secret_value())  # raises ValueError for what is not base64
        return secret

    @model_validator(mode="after")
    def _secret_goes_with_url(self) -> Self:
        if self.webhook_url and not self.webhook_secret.get_secret_value():
            raise ValueError("WAYBILL_SANDBOX_WEBHOOK_URL needs WAYBILL_SANDBOX_WEBHOOK_SECRET, else nothing is signed")
        return self


def load() -> Settings:
    """Return the settings; raises SettingsError that lists every fault."""
    return load_settings(Settings)

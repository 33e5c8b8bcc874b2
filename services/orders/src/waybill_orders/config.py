"""Settings of the orders service, from the environment and mounted files."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, field_validator
from standardwebhooks import Webhook
from waybill_common.settings import ServiceSettings, Shared, load_settings


class Settings(ServiceSettings):
    """All settings of orders; times in the unit that the name says."""

    service: ClassVar[str] = "orders"
    web_port_default: ClassVar[int] = 8082

    channel: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,50}$", description="channel of the orders placed here")] = (
        "web"
    )
    expiry_minutes: Annotated[int, Field(ge=1, le=43_200, description="time to pay, where the channel sets none")] = 30
    expire_every_seconds: Annotated[float, Field(gt=0, le=3_600, description="pause between two expiry runs")] = 5.0
    gateway_url: Annotated[str, Shared(), Field(pattern=r"^https?://[^/]+$")] = "http://127.0.0.1:8084"
    # Well below the lease of a gateway command (`use_cases.settlement`): nobody may take over what still runs.
    gateway_deadline_seconds: Annotated[float, Field(gt=0, le=12, description="a gateway call with its retries")] = 8.0
    webhook_secret: Annotated[SecretStr, Field(description="whsec_…, shared with the payment gateway")] = SecretStr("")
    worker_threads: Annotated[int, Field(ge=1, le=64, description="jobs at once a worker process")] = 4
    worker_grace_seconds: Annotated[float, Field(ge=0, le=3600, description="for jobs that run at SIGTERM")] = 45
    key_retention_days: Annotated[int, Field(ge=1, le=365, description="how long idempotency keys are kept")] = 7
    job_retention_days: Annotated[int, Field(ge=1, le=365, description="how long finished jobs are kept")] = 30

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_webhook_secret(cls, secret: SecretStr) -> SecretStr:
        if secret.get_secret_value():
            Webhook(secret.get_secret_value())  # raises ValueError for what is not base64
        return secret


def load() -> Settings:
    """Read the settings; raises SettingsError with every fault at once."""
    return load_settings(Settings)

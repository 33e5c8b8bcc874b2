"""The settings that every service has; a service's own `config.py` adds its fields."""

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

_SCHEMES = {
    "database_url": ("postgresql://", "postgresql+psycopg2://"),
    "amqp_url": ("amqp://", "amqps://", "postgresql://", "postgres://"),
}
# The grammar of `telemetry.arm_fault_points`, which stands above this shelf; a test holds the two together.
_FAULT_HOOKS = r"^(\s*([^=;]*=(kill:1/0*[1-9][0-9]*|kill@[^;]*))?\s*(;|$))*$"


@dataclass(frozen=True)
class Shared:
    """Marks a field whose variable has no service in its name, because all services must agree on it."""


def variable_name(settings: type[BaseModel], field: str) -> str:
    """Return the environment variable of a field."""
    service = "" if Shared() in settings.model_fields[field].metadata else f"{settings.service.upper()}_"  # type: ignore[attr-defined]
    return f"WAYBILL_{service}{field.upper()}"


class ServiceSettings(BaseModel):
    """Settings common to all services; subclasses name the service and add their own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    service: ClassVar[str] = ""
    web_port_default: ClassVar[int] = 0

    database_url: Annotated[SecretStr, Field(description="postgresql://user:password@host:port/database")]
    database_pool_size: Annotated[int, Field(ge=1, description="connections a process; 0 is refused")] = 8
    database_pool_timeout_seconds: Annotated[float, Shared(), Field(gt=0, le=30)] = 2.0
    statement_timeout_ms: Annotated[int, Shared(), Field(ge=100, le=600_000)] = 5_000
    lock_timeout_ms: Annotated[int, Shared(), Field(ge=50, le=60_000)] = 2_000
    amqp_url: Annotated[
        SecretStr, Shared(), Field(description="amqp://… for RabbitMQ, postgresql://… for the embedded broker")
    ] = SecretStr("amqp://guest:guest@127.0.0.1:5672/%2F")
    web_host: Annotated[str, Shared()] = "127.0.0.1"
    web_port: Annotated[int, Field(ge=0, le=64_535, description="the internal port is 1000 higher")] = 0
    web_workers: Annotated[int, Shared(), Field(ge=1, le=32)] = 2
    web_threads: Annotated[int, Field(ge=1, le=64)] = 8
    admin_port: Annotated[int, Shared(), Field(ge=0, le=65_535, description="0 takes a free port")] = 0
    auth_url: Annotated[str, Shared(), Field(pattern=r"^https?://[^/]+$")] = "http://127.0.0.1:8081"
    issuer: Annotated[str, Shared(), Field(description="exact `iss` of access tokens; default WAYBILL_AUTH_URL")] = ""
    jwks_url: Annotated[str, Shared(), Field(description="default WAYBILL_AUTH_URL/.well-known/jwks.json")] = ""
    client_id: Annotated[str, Field(description="the service's own OAuth client")] = ""
    client_secret: Annotated[SecretStr, Field(description="secret of the service's own OAuth client")] = SecretStr("")
    public_base_url: Annotated[str, Shared(), Field(description="base of links in mails; default WAYBILL_AUTH_URL")] = (
        ""
    )
    trusted_hosts: Annotated[str, Field(description="comma separated; empty accepts any Host header")] = ""
    trusted_proxy_hops: Annotated[int, Shared(), Field(ge=0, le=10)] = 0
    log_level: Annotated[str, Shared(), Field(pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    log_level_file: Annotated[
        str, Shared(), Field(description="a file with the level; read again while the process runs")
    ] = ""
    traces_endpoint: Annotated[
        str, Shared(), Field(description="OTLP/HTTP collector, as http://host:4318; empty sends no traces")
    ] = ""
    traces_sampling: Annotated[
        float,
        Shared(),
        Field(ge=0, le=1, description="share of the traces that begin here; a caller decides for his"),
    ] = 0.05
    revision: Annotated[
        str, Shared(), Field(max_length=64, description="commit of the image, for `app_build_info`")
    ] = "unknown"
    fault_hooks: Annotated[
        str, Shared(), Field(pattern=_FAULT_HOOKS, description="crash suite only: see telemetry/faults.py")
    ] = ""

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, values: dict[str, str]) -> dict[str, str]:
        auth_url = values.get("auth_url") or cls.model_fields["auth_url"].default
        filled = {"issuer": auth_url, "jwks_url": f"{auth_url}/.well-known/jwks.json", "public_base_url": auth_url}
        if cls.web_port_default:
            filled["web_port"] = str(cls.web_port_default)
        return filled | values

    @field_validator("database_url", "amqp_url")
    @classmethod
    def _has_known_scheme(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        schemes = _SCHEMES[str(info.field_name)]
        if not value.get_secret_value().startswith(schemes):
            raise ValueError(f"must begin with {' or '.join(schemes)}")  # never with the value: it holds a password
        return value

    @field_validator("auth_url", "issuer", "jwks_url", "public_base_url", "traces_endpoint")
    @classmethod
    def _is_http_url(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "traces_endpoint" and not value:
            return value
        parts = urlsplit(value)  # raises ValueError for a broken IPv6 address, and `port` for one out of range
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or not value.isprintable():
            raise ValueError("must look like http://host:port/path or https://…")
        if " " in value or parts.username is not None or parts.query or parts.fragment:
            raise ValueError("may hold no space, user, query or fragment")
        if info.field_name == "jwks_url" and not parts.path.startswith("/"):
            raise ValueError("must have a path: it is the address of a document")
        return value

    @property
    def internal_port(self) -> int:
        """Port of /livez, /readyz and /metrics beside the web port."""
        return self.web_port + 1000

    @property
    def hosts(self) -> list[str]:
        """The accepted Host headers; empty accepts any."""
        return [host.strip() for host in self.trusted_hosts.split(",") if host.strip()]

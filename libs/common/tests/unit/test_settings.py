"""Settings: names, files, defaults, and every fault at once."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field, SecretStr
from waybill_common.settings import ServiceSettings, SettingsError, Shared, load_settings
from waybill_common.telemetry import arm_fault_points

pytestmark = pytest.mark.unit


class Settings(ServiceSettings):
    service: ClassVar[str] = "demo"
    web_port_default: ClassVar[int] = 8099
    limit: Annotated[int, Field(ge=1, description="how many at once")] = 5
    peer_url: Annotated[str, Shared()] = "http://127.0.0.1:1"
    pepper: SecretStr


GOOD = {"WAYBILL_DEMO_DATABASE_URL": "postgresql://x", "WAYBILL_DEMO_PEPPER": "salt"}


def test_a_field_is_read_under_its_service_and_a_shared_one_without_it():
    settings = load_settings(Settings, GOOD | {"WAYBILL_DEMO_LIMIT": "7", "WAYBILL_PEER_URL": "http://p"})
    assert (settings.limit, settings.peer_url, settings.web_port, settings.internal_port) == (7, "http://p", 8099, 9099)


def test_a_mounted_file_gives_the_value_without_its_last_line_end(tmp_path):
    (tmp_path / "pepper").write_text("from a file\n")
    environ = {"WAYBILL_DEMO_DATABASE_URL": "postgresql://x", "WAYBILL_DEMO_PEPPER_FILE": str(tmp_path / "pepper")}
    assert load_settings(Settings, environ).pepper.get_secret_value() == "from a file"


def test_every_fault_is_reported_at_once_with_its_name_and_what_it_should_be():
    environ = {"WAYBILL_DEMO_LIMIT": "0", "WAYBILL_DEMO_WEB_PORT": "many", "WAYBILL_DEMO_CLIENT_ID_FILE": "/no/file"}
    with pytest.raises(SettingsError) as caught:
        load_settings(Settings, environ)
    text = "\n".join(sorted(caught.value.faults))
    for name in (
        "DATABASE_URL: is missing",
        "LIMIT: ",
        "how many at once",
        "WEB_PORT: ",
        "PEPPER: is missing",
        "CLIENT_ID: ",
    ):
        assert name in text


@pytest.mark.parametrize(
    ("name", "url"),
    [("WAYBILL_DEMO_DATABASE_URL", "mysql://u:hidden@h/d"), ("WAYBILL_AMQP_URL", "http://u:hidden@h:5672")],
)
def test_an_address_of_another_kind_is_a_fault_that_does_not_repeat_its_password(name: str, url: str):
    with pytest.raises(SettingsError, match=f"{name}: .*must begin with .*postgresql://") as caught:
        load_settings(Settings, GOOD | {name: url})
    assert "hidden" not in str(caught.value)


def test_a_value_and_its_file_together_are_a_fault(tmp_path):
    with pytest.raises(SettingsError, match="not both"):
        load_settings(Settings, GOOD | {"WAYBILL_DEMO_PEPPER_FILE": str(tmp_path)})


def test_secrets_do_not_show_in_the_printed_form():
    assert "salt" not in repr(load_settings(Settings, GOOD))


def test_addresses_of_auth_follow_its_url():
    settings = load_settings(Settings, GOOD | {"WAYBILL_AUTH_URL": "http://auth:1"})
    assert (settings.issuer, settings.jwks_url) == ("http://auth:1", "http://auth:1/.well-known/jwks.json")


@pytest.mark.parametrize("name", ["AUTH_URL", "ISSUER", "JWKS_URL", "PUBLIC_BASE_URL"])
@pytest.mark.parametrize(
    "url", ["auth:8081", "ftp://auth/x", "http://", "http://auth:99999/x", "http://a b/x", "http://u:p@auth/x?y"]
)
def test_an_address_that_cannot_work_is_a_fault(name: str, url: str):
    with pytest.raises(SettingsError, match=f"WAYBILL_{name}: "):
        load_settings(Settings, GOOD | {f"WAYBILL_{name}": url})


def test_the_address_of_the_keys_is_that_of_a_document():
    with pytest.raises(SettingsError, match=r"WAYBILL_JWKS_URL: .*must have a path"):
        load_settings(Settings, GOOD | {"WAYBILL_JWKS_URL": "http://auth:8081"})
    good = {"WAYBILL_JWKS_URL": "https://[::1]:8081/keys", "WAYBILL_ISSUER": "https://shop.example/auth"}
    assert load_settings(Settings, GOOD | good).jwks_url == "https://[::1]:8081/keys"


@pytest.mark.parametrize(
    "hooks",
    ["", ";", "a=kill:1/5", "orders.web:a=kill@/tmp/x; b=kill:1/007;", "x", "x=kill", "x=kill:1/0", "x=stop@y", "a =x"],
)
def test_fault_hooks_are_refused_at_the_start_exactly_when_they_could_not_be_armed(hooks: str):
    try:
        arm_fault_points(hooks, "nobody")
    except ValueError:
        with pytest.raises(SettingsError, match="WAYBILL_FAULT_HOOKS: "):
            load_settings(Settings, GOOD | {"WAYBILL_FAULT_HOOKS": hooks})
    else:
        assert load_settings(Settings, GOOD | {"WAYBILL_FAULT_HOOKS": hooks}).fault_hooks == hooks
    finally:
        arm_fault_points("")


def test_the_level_may_come_from_a_file_that_is_remembered(tmp_path):
    (tmp_path / "level").write_text("DEBUG\n")
    settings = load_settings(Settings, GOOD | {"WAYBILL_LOG_LEVEL_FILE": str(tmp_path / "level")})
    assert (settings.log_level, settings.log_level_file) == ("DEBUG", str(tmp_path / "level"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAYBILL_TRACES_ENDPOINT", "collector:4318"),
        ("WAYBILL_TRACES_ENDPOINT", "http://user:hidden@collector:4318"),
        ("WAYBILL_TRACES_SAMPLING", "5"),
    ],
)
def test_a_collector_that_cannot_be_reached_and_a_share_above_all_are_faults(name: str, value: str):
    assert not load_settings(Settings, GOOD).traces_endpoint
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings(Settings, GOOD | {name: value})
    assert "hidden" not in str(caught.value)

"""Settings: names, files, defaults, and every fault at once."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field, SecretStr
from waybill_common.settings import ServiceSettings, SettingsError, Shared, load_settings

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

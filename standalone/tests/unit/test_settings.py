"""What the environment decides, and what is said when it is wrong."""

import pytest
from waybill_standalone.config import StandaloneSettingsError, load

pytestmark = pytest.mark.unit


def test_defaults_are_the_documented_ports():
    settings = load({})
    assert dict(settings.ports) == {"auth": 8081, "orders": 8082, "notifier": 8083, "sandbox": 8084, "mail": 8025}
    assert settings.needs_postgres
    assert settings.url("mail") == "http://127.0.0.1:8025"


def test_every_fault_is_told_at_once():
    with pytest.raises(StandaloneSettingsError) as caught:
        load(
            {
                "WAYBILL_AUTH_WEB_PORT": "http",
                "WAYBILL_ORDERS_DATABASE_URL": "sqlite:///x",
                "WAYBILL_MAIL_WEB_PORT": "0x1",
            }
        )
    text = str(caught.value)
    assert "WAYBILL_AUTH_WEB_PORT: 'http' is not a port" in text
    assert "WAYBILL_MAIL_WEB_PORT: '0x1' is not a port" in text
    assert "WAYBILL_ORDERS_DATABASE_URL: must begin with postgresql://" in text


def test_databases_named_from_outside_are_used():
    names = ("AUTH", "ORDERS", "NOTIFIER", "SANDBOX")
    settings = load({f"WAYBILL_{name}_DATABASE_URL": f"postgresql://db/{name}" for name in names})
    assert not settings.needs_postgres

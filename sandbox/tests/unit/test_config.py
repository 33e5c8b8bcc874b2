"""Settings of the sandbox: defaults, and faults that say what to do."""

import pytest
from waybill_common.settings import SettingsError, load_settings
from waybill_sandbox.config import Settings

pytestmark = pytest.mark.unit
BASE = {"WAYBILL_SANDBOX_DATABASE_URL": "postgresql://localhost/sandbox"}


def test_a_database_is_enough() -> None:
    settings = load_settings(Settings, BASE)
    assert (settings.web_port, settings.webhook_url, settings.timeout_seconds) == (8084, "", 10.0)


def test_a_webhook_url_needs_a_secret() -> None:
    with pytest.raises(SettingsError, match="WAYBILL_SANDBOX_WEBHOOK_SECRET"):
        load_settings(Settings, BASE | {"WAYBILL_SANDBOX_WEBHOOK_URL": "http://127.0.0.1:8082/hook"})


def test_a_secret_that_is_not_base64_is_named() -> None:
    with pytest.raises(SettingsError, match="WAYBILL_SANDBOX_WEBHOOK_SECRET"):
        load_settings(Settings, BASE | {"WAYBILL_SANDBOX_WEBHOOK_SECRET": "whsec_a"})

"""Settings that must agree with what the code counts on."""

import pytest
from click.testing import CliRunner
from waybill_common.settings import SettingsError, load_settings
from waybill_orders.cli import main
from waybill_orders.config import Settings
from waybill_orders.use_cases.settlement import LEASE_SECONDS

pytestmark = pytest.mark.unit
DATABASE = {"WAYBILL_ORDERS_DATABASE_URL": "postgresql://orders@127.0.0.1/orders"}


def test_no_gateway_deadline_reaches_the_lease_of_the_command() -> None:
    too_long = DATABASE | {"WAYBILL_ORDERS_GATEWAY_DEADLINE_SECONDS": str(LEASE_SECONDS - 5)}
    with pytest.raises(SettingsError, match="GATEWAY_DEADLINE_SECONDS"):
        load_settings(Settings, too_long)
    assert load_settings(Settings, DATABASE).gateway_deadline_seconds < LEASE_SECONDS / 2


def test_check_config_reports_addresses_and_hooks_that_cannot_work_too(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"JWKS_URL": "auth", "ISSUER": "//auth", "PUBLIC_BASE_URL": "ftp://auth", "FAULT_HOOKS": "x=stop"}
    for name, value in wrong.items():
        monkeypatch.setenv(f"WAYBILL_{name}", value)
    monkeypatch.setenv("WAYBILL_ORDERS_DATABASE_URL", "mysql://x")
    result = CliRunner().invoke(main, ["check-config"])
    assert result.exit_code != 0
    for name in (*wrong, "ORDERS_DATABASE_URL"):
        assert f"WAYBILL_{name}: " in result.output

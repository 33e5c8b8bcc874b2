"""Settings that must agree with what the code counts on."""

import pytest
from waybill_common.settings import SettingsError, load_settings
from waybill_orders.config import Settings
from waybill_orders.use_cases.settlement import LEASE_SECONDS

pytestmark = pytest.mark.unit
DATABASE = {"WAYBILL_ORDERS_DATABASE_URL": "postgresql://orders@127.0.0.1/orders"}


def test_no_gateway_deadline_reaches_the_lease_of_the_command() -> None:
    too_long = DATABASE | {"WAYBILL_ORDERS_GATEWAY_DEADLINE_SECONDS": str(LEASE_SECONDS - 5)}
    with pytest.raises(SettingsError, match="GATEWAY_DEADLINE_SECONDS"):
        load_settings(Settings, too_long)
    assert load_settings(Settings, DATABASE).gateway_deadline_seconds < LEASE_SECONDS / 2

"""Every event that auth writes keeps the schema it has promised, and every promised event is written by something."""

import json
from pathlib import Path

import jsonschema
import pytest
from waybill_auth.use_cases.set_account_state import SetAccountState

pytestmark = [pytest.mark.contract, pytest.mark.integration]
CONTRACTS = Path(__file__).resolve().parents[4] / "contracts" / "events" / "auth"
SCHEMAS = {
    f"auth.{path.parent.name.rpartition('.v')[0]}": json.loads(path.read_text())
    for path in CONTRACTS.glob("*/schema.json")
}


def live_through_everything(auth):
    auth.member("kim@example.com")
    auth.register("kim@example.com")
    auth.register("stale@example.com")
    first = auth.tokens("kim@example.com")["refresh_token"]
    auth.refresh(auth.refresh(first).json["refresh_token"])
    auth.refresh(first)
    auth.post("/v1/password/forgot", {"email": "kim@example.com"})
    reset = {"token": auth.mail_token("kim@example.com", "reset"), "password": "another seven kettles sing"}
    assert auth.post("/v1/password/reset", reset).status_code == 204
    auth.grant("kim@example.com", "staff")
    auth.commands.set_account_state(SetAccountState("kim@example.com", disables=True))
    auth.sql("UPDATE users SET created_at = now() - interval '8 days' WHERE email = 'stale@example.com'")
    auth.run_housekeeping()


def test_every_event_keeps_its_schema_and_every_promised_event_is_written(auth):
    live_through_everything(auth)
    events = auth.events()
    assert {event.type for event in events} == set(SCHEMAS)
    for event in events:
        jsonschema.validate(event.data, SCHEMAS[event.type])


def test_no_event_holds_an_address_a_name_or_a_token(auth):
    auth.register("kim@example.com", name="Kim Distinctive")
    live_through_everything(auth)
    written = json.dumps([event.data for event in auth.events()])
    for secret in ("@", "Distinctive", "wbr1_", "eyJ", "$2b$"):
        assert secret not in written


def test_row_50_the_audit_log_holds_no_password_and_no_token(auth):
    live_through_everything(auth)
    written = str(auth.sql("SELECT * FROM audit_log"))
    for secret in ("nine purple", "another seven", "wbr1_", "eyJ", "$2b$", "@example.com"):
        assert secret not in written

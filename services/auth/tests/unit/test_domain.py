"""The rules: addresses, passwords, waits, verdicts, keys, clients."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_auth.domain.addresses import address_of
from waybill_auth.domain.clients import read_clients
from waybill_auth.domain.errors import ClientsFileError, InvalidAddressError, UnknownRoleError
from waybill_auth.domain.passwords import PasswordPolicy
from waybill_auth.domain.refresh_tokens import derive_refresh_token, read_refresh_token
from waybill_auth.domain.roles import check_role, scopes_of
from waybill_auth.domain.signing_keys import KeyRules, KeyState, SigningKey, plan_rotation
from waybill_auth.domain.throttles import client_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SESSION = "ses_" + "0123456789abcdef" * 2
pytestmark = pytest.mark.unit


@given(key=st.binary(min_size=32, max_size=32), counter=st.integers(1, 2**32 - 1))
def test_a_refresh_token_reads_back_and_is_genuine_for_its_key_alone(key, counter):
    presented = read_refresh_token(derive_refresh_token(SESSION, counter, key))
    assert presented is not None
    assert (presented.session_id, presented.counter) == (SESSION, counter)
    assert presented.is_genuine(key)
    assert not presented.is_genuine(bytes(32 if key != bytes(32) else 31) + b"x")


@given(st.text(max_size=120))
def test_no_text_breaks_the_reading_of_refresh_tokens(text):
    assert read_refresh_token(text) is None or text.startswith("wbr1_")
    read_refresh_token(f"wbr1_{text}")


def test_a_refresh_token_has_one_spelling():
    token = derive_refresh_token(SESSION, 1, b"k" * 32)
    for other in (token + "=", token + "A", token[:-1], token.replace("wbr1_", "WBR1_"), f" {token}", f"{token}\n"):
        assert read_refresh_token(other) is None, other


@pytest.mark.parametrize(
    ("ip", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_client_is_its_network(ip, client):
    assert client_of(ip) == client


def test_password_faults_are_reported_all_at_once():
    policy = PasswordPolicy(15, {"correcthorsebattery"}.__contains__)
    assert policy.faults("correct horse battery") == ()
    assert policy.faults("CorrectHorseBattery") == ("common",)
    assert policy.faults("yrettabesroHtcerroC") == ("common",)
    assert policy.faults("abc") == ("too_short", "common")
    assert policy.faults("waybillWAYBILLwaybill") == ("personal",)
    assert policy.faults("kimberleyyelrebmik", "kimberley@example.com") == ("personal",)
    assert policy.faults("kimberley likes green tea", "kimberley@example.com") == ()
    assert policy.faults("x" * 257) == ("too_long", "common")


@given(st.text(min_size=15, max_size=300))
def test_no_password_breaks_the_policy(password):
    PasswordPolicy(15, lambda _: False).faults(password, "a@b.de", "Ann B")


def test_two_spellings_of_an_address_have_one_key():
    assert address_of("Straße@Example.COM", "Straße", "Example.COM").key == "strasse@example.com"
    with pytest.raises(InvalidAddressError):
        address_of("ａ@example.com", "ａ", "example.com")


def test_roles_are_sets_of_scopes():
    assert scopes_of(["customer"]) == frozenset()
    assert scopes_of(["customer", "admin"]) > scopes_of(["staff"])
    assert scopes_of(["a role of yesterday"]) == frozenset()
    with pytest.raises(UnknownRoleError, match="customer, staff, admin"):
        check_role("emperor")


def key(kid, state, activated, retired=None):
    return SigningKey(kid, "ES256", state, {}, b"", activated, activated, retired)


def test_the_plan_of_a_key_ring_through_its_life():
    rules = KeyRules()
    days = timedelta(days=1)
    assert plan_rotation([], "ES256", NOW, rules).create
    young = key("a", KeyState.ACTIVE, NOW - 29 * days)
    assert not plan_rotation([young], "ES256", NOW, rules).create
    old = key("a", KeyState.ACTIVE, NOW - 30 * days + timedelta(seconds=600))
    assert plan_rotation([old], "ES256", NOW, rules).create
    waiting = key("b", KeyState.STANDBY, NOW + timedelta(seconds=1))
    assert plan_rotation([old, waiting], "ES256", NOW, rules).activate is None
    due = key("b", KeyState.STANDBY, NOW)
    plan = plan_rotation([old, due], "ES256", NOW, rules)
    assert (plan.activate, plan.retire, plan.create) == ("b", "a", False)
    retired = key("a", KeyState.RETIRING, NOW - 31 * days, NOW - timedelta(seconds=660))
    assert plan_rotation([retired, young], "ES256", NOW, rules).drop == ("a",)
    assert plan_rotation([young], "RS256", NOW, rules).create


GOOD = {"id": "svc_orders", "secret_sha256": "ab" * 32, "audiences": ["auth"], "scopes": ["auth:mail"]}


def test_declared_clients_are_read():
    (client,) = read_clients(json.dumps([GOOD]))
    assert client.introspects == ("orders",)
    assert client.secret_hashes == (b"\xab" * 32,)


@pytest.mark.parametrize(
    "entries",
    [
        {}, [1], [{}], [{**GOOD, "id": "usr_x"}], [{**GOOD, "secret_sha256": []}], [{**GOOD, "secret": "x"}],
        [{**GOOD, "secret_sha256": ["ab" * 32] * 3}], [{**GOOD, "scopes": "auth:mail"}], [GOOD, GOOD],
        [{**GOOD, "audiences": ["UPPER"]}],
    ],
)  # fmt: skip
def test_a_declaration_with_a_fault_is_refused_whole(entries):
    with pytest.raises(ClientsFileError):
        read_clients(json.dumps(entries))

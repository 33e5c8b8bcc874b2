"""A risky write with a silent revocation feed asks the issuer; with a live feed it does not."""

import pytest
from pydantic import SecretStr
from waybill_common.sessions import PeerUnavailableError
from waybill_common.tokens import InvalidTokenError, TokenConfirmation

pytestmark = pytest.mark.unit


class FakeView:
    def __init__(self, age: float | None) -> None:
        self.age = age

    def feed_age_seconds(self) -> float | None:
        return self.age


class FakeIssuer:
    name = "auth"

    def __init__(self, body: bytes = b'{"active": true}', status: int = 200) -> None:
        self.content, self.status_code, self.calls = body, status, []

    def send(self, call):
        self.calls.append(call)
        return self


def confirm(view, issuer):
    return TokenConfirmation(view, issuer, "svc_orders", SecretStr("s:e%c"))


def test_a_live_feed_is_trusted():
    issuer = FakeIssuer()
    confirm(FakeView(59.0), issuer)("token")
    assert issuer.calls == []


@pytest.mark.parametrize("age", [None, 61.0])
def test_a_silent_feed_makes_it_ask_once_in_five_seconds(age):
    issuer = FakeIssuer()
    check = confirm(FakeView(age), issuer)
    check("token")
    check("token")
    (call,) = issuer.calls
    assert (call.path, call.form) == ("/oauth/introspect", {"token": "token"})
    assert call.headers["Authorization"] == "Basic c3ZjX29yZGVyczpzJTNBZSUyNWM="


def test_a_token_that_is_not_active_is_refused_each_time():
    issuer = FakeIssuer(b'{"active": false}')
    check = confirm(FakeView(None), issuer)
    for _ in range(2):
        with pytest.raises(InvalidTokenError):
            check("token")
    assert len(issuer.calls) == 2


def test_an_issuer_that_refuses_us_is_no_judgement_on_the_token():
    with pytest.raises(PeerUnavailableError):
        confirm(FakeView(None), FakeIssuer(b'{"error": "invalid_client"}', 401))("token")

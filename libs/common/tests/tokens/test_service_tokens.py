"""A service's own tokens: asked for as RFC 6749 says, kept, renewed in time, replaced when refused."""

import json
import threading
from base64 import b64decode
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr
from waybill_common.sessions import PeerError, PeerUnavailableError
from waybill_common.tokens import ServiceTokens

pytestmark = pytest.mark.integration


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def issue(peer, lifetime: int = 300):
    """Answer each request with the next token: t1, t2, …"""

    def answer(talk) -> None:
        body = {"access_token": f"t{len(peer.requests)}", "token_type": "Bearer", "expires_in": lifetime}
        talk.answer(200, json.dumps(body).encode())

    return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(peer, clock):
    peer.default = issue(peer)
    source = ServiceTokens(peer.url, "svc_n", SecretStr("s:e%c"), "auth", ["auth:contact", "auth:mail"])
    source._clock = clock
    yield source
    source.close()


def test_the_request_is_a_form_with_encoded_basic_credentials(tokens, peer):
    assert tokens.token() == "t1"
    sent = peer.requests[0]
    assert (sent.method, sent.path) == ("POST", "/oauth/token")
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(sent.body.decode()) == {
        "grant_type": ["client_credentials"],
        "resource": ["urn:waybill:auth"],
        "scope": ["auth:contact auth:mail"],
    }
    assert b64decode(sent.headers["authorization"].removeprefix("Basic ")) == b"svc_n:s%3Ae%25c"


def test_a_token_is_kept(tokens, peer, clock):
    assert [tokens.token() for _ in range(20)] == ["t1"] * 20
    clock.now += 239
    assert tokens.token() == "t1"
    assert len(peer.requests) == 1


def test_it_is_renewed_at_four_fifths_of_its_life(tokens, clock):
    tokens.token()
    clock.now += 240
    assert tokens.token() == "t2"
    assert tokens.token() == "t2"


def test_while_the_issuer_is_away_it_serves_to_its_end(tokens, peer, clock):
    tokens.token()
    peer.default = lambda talk: talk.answer(503)
    clock.now += 299
    assert tokens.token() == "t1"
    clock.now += 1
    with pytest.raises(PeerUnavailableError):
        tokens.token()


def test_a_failed_renewal_is_not_repeated_within_a_second(tokens, peer, clock):
    tokens.token()
    peer.default = lambda talk: talk.answer(503)
    clock.now += 250
    for _ in range(10):
        assert tokens.token() == "t1"
    assert len(peer.requests) == 2
    peer.default = issue(peer)
    clock.now += 1
    assert tokens.token() == "t3"


def test_refused_credentials_say_so(tokens, peer):
    peer.default = lambda talk: talk.answer(401, b'{"error": "invalid_client"}')
    with pytest.raises(PeerUnavailableError) as caught:
        tokens.token()
    assert (caught.value.reason, caught.value.status) == ("token_refused", 401)
    assert "check the credentials" in str(caught.value)
    assert "s:e%c" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": "t", "token_type": "mac", "expires_in": 300},
        {"access_token": "", "token_type": "Bearer", "expires_in": 300},
        {"access_token": "a\nb", "token_type": "Bearer", "expires_in": 300},
        {"access_token": 7, "token_type": "Bearer", "expires_in": 300},
        {"access_token": "t", "token_type": "Bearer", "expires_in": 0},
        {"access_token": "t", "token_type": "Bearer", "expires_in": "300"},
        {"access_token": "t" * 4097, "token_type": "Bearer", "expires_in": 300},
        [],
    ],
)
def test_an_answer_without_a_usable_token_is_the_issuers_fault(tokens, peer, body):
    peer.default = lambda talk: talk.answer(200, json.dumps(body).encode())
    with pytest.raises(PeerError):
        tokens.token()


def test_parallel_first_calls_share_one_request(tokens, peer):
    got = []
    threads = [threading.Thread(target=lambda: got.append(tokens.token())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["t1"] * 16
    assert len(peer.requests) == 1


def test_a_refused_token_is_replaced(tokens, clock):
    tokens.token()
    clock.now += 10
    tokens.invalidate("t1")
    assert tokens.token() == "t2"


def test_a_token_that_is_already_replaced_is_not_blamed(tokens, clock):
    tokens.token()
    clock.now += 10
    tokens.invalidate("t0")
    assert tokens.token() == "t1"


def test_a_token_that_is_only_seconds_old_is_not_blamed(tokens, clock):
    tokens.token()
    clock.now += 4
    tokens.invalidate("t1")
    assert tokens.token() == "t1"


def test_a_connector_shows_it_and_replaces_a_refused_one(tokens, peer, connect, clock):
    def guarded(talk) -> None:
        if talk.path == "/oauth/token":
            issue(peer)(talk)
        else:
            talk.answer(200 if talk.headers["authorization"] == "Bearer t3" else 401)

    peer.default = guarded
    tokens.token()
    clock.now += 10
    assert connect(tokens=tokens).request("GET", "/things").status_code == 200
    assert peer.paths == ["/oauth/token", "/things", "/oauth/token", "/things"]

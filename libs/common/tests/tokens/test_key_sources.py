"""How often the issuer is asked for its keys, and what happens when it does not answer."""

import json
import threading

import pytest
from waybill_common.tokens import (
    InvalidTokenError,
    JwksKeys,
    KeysUnavailableError,
    StaticKeys,
    Verifier,
    VerifierSettings,
    jwks_keys,
)
from waybill_common.tokens.keys import load_keys
from waybill_testkit.waiting import eventually

integration = pytest.mark.integration
unit = pytest.mark.unit


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve(peer):
    """Let the peer answer with this key set."""

    def set_keys(jwks) -> None:
        body = json.dumps(jwks).encode()
        peer.default = lambda talk: talk.answer(200, body)

    return set_keys


@pytest.fixture
def keys(peer, connect, clock, issuer, serve) -> JwksKeys:
    serve(issuer.jwks())
    return JwksKeys(connect(max_attempts=1), f"{peer.url}/.well-known/jwks.json", clock=clock)


def fail(peer) -> None:
    peer.default = lambda talk: talk.answer(503)


@integration
def test_a_known_key_is_fetched_once(keys, peer):
    for _ in range(50):
        assert keys.find("ec").algorithm == "ES256"
        assert keys.find("rsa").algorithm == "RS256"
    assert peer.paths == ["/.well-known/jwks.json"]


@integration
def test_an_unknown_kid_costs_one_successful_fetch_per_thirty_seconds(keys, peer, clock):
    keys.find("ec")
    clock.now += 29.9
    assert keys.find("x") is None
    assert keys.find("y") is None
    assert len(peer.requests) == 1
    clock.now += 0.1
    for kid in "abcdefgh":
        assert keys.find(kid) is None
    assert len(peer.requests) == 2


@integration
def test_a_new_key_is_found_by_its_first_token(keys, clock, serve, issuer):
    keys.find("ec")
    new = issuer.jwks()
    new["keys"].append({**new["keys"][0], "kid": "new"})
    serve(new)
    clock.now += 30
    assert keys.find("new") is not None


@integration
def test_a_failed_fetch_is_tried_again_after_one_second(keys, peer, clock, issuer, serve):
    fail(peer)
    for _ in range(5):
        with pytest.raises(KeysUnavailableError):
            keys.find("ec")
    assert len(peer.requests) == 1
    clock.now += 1
    serve(issuer.jwks())
    assert keys.find("ec") is not None
    assert len(peer.requests) == 2


@integration
def test_the_breaker_does_not_delay_the_first_set(peer, connect, clock, issuer, serve, now):
    fail(peer)
    keys = jwks_keys(f"{peer.url}/jwks.json")
    keys._clock = clock
    for _ in range(8):
        clock.now += 1
        assert not keys.is_ready()
    assert len(peer.requests) == 8
    serve(issuer.jwks())
    clock.now += 1
    assert keys.is_ready()
    keys.close()


@integration
def test_until_a_first_set_every_token_is_undecided(keys, peer, issuer, now):
    fail(peer)
    verifier = Verifier(VerifierSettings("https://auth.example", "orders"), keys)
    with pytest.raises(KeysUnavailableError):
        verifier.verify(issuer.token())
    assert not keys.is_ready()


@integration
def test_with_a_set_loaded_an_unknown_kid_is_refused_also_while_the_issuer_is_away(keys, peer, clock, issuer, now):
    verifier = Verifier(VerifierSettings("https://auth.example", "orders"), keys)
    verifier.verify(issuer.token())
    fail(peer)
    clock.now += 30
    with pytest.raises(InvalidTokenError, match="unknown_kid"):
        verifier.verify(issuer.token(issuer.header(kid="new")))
    assert verifier.verify(issuer.token()).subject == "usr_01"


@integration
@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"keys": []}', b'{"keys": {}}', b"[]", b'{"keys":[],"keys":[]}'])
def test_an_answer_without_usable_keys_is_a_failed_fetch_and_the_old_set_stays(keys, peer, clock, body):
    keys.find("ec")
    peer.default = lambda talk: talk.answer(200, body)
    clock.now += 30
    assert keys.find("x") is None
    assert keys.find("ec") is not None
    clock.now += 1
    assert keys.find("x") is None
    assert len(peer.requests) == 3


@integration
@pytest.mark.parametrize("status", [302, 404, 401])
def test_another_status_is_a_failed_fetch(keys, peer, status):
    peer.default = lambda talk: talk.answer(status)
    with pytest.raises(KeysUnavailableError):
        keys.find("ec")


@integration
def test_an_old_set_is_replaced_aside_and_a_withdrawn_key_ends(keys, peer, clock, issuer, serve):
    keys.find("ec")
    serve({"keys": issuer.jwks()["keys"][1:]})
    clock.now += 300
    assert keys.find("ec") is not None  # this caller did not wait
    eventually(lambda: keys.find("ec") is None)
    assert len(peer.requests) == 2


@integration
def test_an_issuer_that_hangs_delays_nobody_who_shows_a_known_key(keys, peer, clock):
    keys.find("ec")
    peer.default = lambda talk: talk.hang()
    clock.now += 300
    for _ in range(20):
        assert keys.find("ec") is not None
    eventually(lambda: len(peer.requests) == 2)
    peer.release()


@integration
def test_parallel_first_tokens_share_one_fetch(keys, peer):
    found = []
    threads = [threading.Thread(target=lambda: found.append(keys.find("ec"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert None not in found
    assert len(peer.requests) == 1


@integration
def test_the_address_must_belong_to_the_connector(connect):
    with pytest.raises(ValueError, match="not below"):
        JwksKeys(connect(), "https://elsewhere.example/jwks.json")


@unit
def test_a_given_set_without_a_usable_key_is_refused():
    with pytest.raises(ValueError, match="load_keys"):
        StaticKeys({"keys": []})


def changed(issuer, **members):
    return {"keys": [{**key, **members} for key in issuer.jwks()["keys"]]}


@unit
@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": None},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"d": "AA"},
        {"k": "AA"},
        {"kid": "bad kid"},
        {"kid": 7},
        {"kid": "k" * 65},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": None},
        {"alg": ["ES256"]},
        {"kty": "oct"},
        {"kty": None},
        {"x": "AA", "n": "AA"},
        {"x": 7, "n": 7},
        {"x": None, "n": None},
    ],
)
def test_such_keys_are_dropped_at_load(issuer, members):
    assert load_keys(changed(issuer, **members)) == {}


@unit
def test_two_keys_of_one_kid_are_both_dropped(issuer):
    assert load_keys(changed(issuer, kid="same")) == {}


@unit
@pytest.mark.parametrize("jwks", [None, [], "keys", {"keys": None}, {"keys": [None, 1, "a", []]}, {}])
def test_what_is_no_key_set_has_no_keys(jwks):
    assert load_keys(jwks) == {}


@unit
def test_a_good_set_is_loaded_and_unknown_members_are_ignored(issuer):
    loaded = load_keys(changed(issuer, x5t="abc", key_ops=["verify"]))
    assert {(key.kid, key.algorithm) for key in loaded.values()} == {("ec", "ES256"), ("rsa", "RS256")}

"""Whatever is shown as a token: the verifier answers with a caller or an invalid token, and never otherwise."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waybill_common.tokens import Caller, InvalidTokenError, StaticKeys, Verifier, VerifierSettings

pytestmark = pytest.mark.unit
many = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CLAIMS = ("iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid", "scope", "roles", "amr", "auth_time", "nbf")


def good_now(issuer, **changes):
    """Claims that are good on the real clock: a frozen one is a function's fixture, which hypothesis does not take."""
    now = int(time.time())
    return issuer.claims(**({"iat": now, "exp": now + 600, "auth_time": now} | changes))


@pytest.fixture(scope="module")
def judge(issuer):
    verifier = Verifier(VerifierSettings("https://auth.example", "orders"), StaticKeys(issuer.jwks()))

    def show(token: str) -> None:
        try:
            assert isinstance(verifier.verify(token), Caller)
        except InvalidTokenError:
            return

    return show


@many
@given(text=st.text(max_size=200) | st.text(alphabet="abcXYZ0189-_.=", max_size=400))
def test_any_text(judge, text):
    judge(text)


@many
@given(header=JSON | st.dictionaries(st.sampled_from(["alg", "typ", "kid", "jku", "crit"]), JSON))
def test_any_header(judge, issuer, header):
    judge(issuer.token(json.dumps(header).encode()))


@many
@given(payload=JSON)
def test_any_payload(judge, issuer, payload):
    judge(issuer.token(payload=json.dumps(payload).encode()))


@many
@given(payload=st.binary(max_size=300))
def test_any_signed_bytes(judge, issuer, payload):
    judge(issuer.token(payload=payload))


@many
@given(changes=st.dictionaries(st.sampled_from(CLAIMS), JSON, min_size=1, max_size=3))
def test_any_claim(judge, issuer, changes):
    judge(issuer.token(payload=json.dumps(good_now(issuer, **changes)).encode()))


@many
@given(at=st.integers(0, 400), char=st.characters(max_codepoint=0x2FF), is_inserted=st.booleans())
def test_any_changed_character_of_a_good_token(judge, issuer, at, char, is_inserted):
    token = issuer.token(payload=good_now(issuer))
    at %= len(token)
    changed = token[:at] + char + token[at if is_inserted else at + 1 :]
    judge(changed)


def test_the_claims_that_are_changed_here_are_good(issuer):
    verifier = Verifier(VerifierSettings("https://auth.example", "orders"), StaticKeys(issuer.jwks()))
    assert verifier.verify(issuer.token(payload=good_now(issuer))).subject == "usr_01"

"""What a verified token says, what is remembered of it, and when it is over."""

import pytest
from waybill_common.tokens import InvalidTokenError, StaticKeys, Verifier, VerifierSettings

pytestmark = pytest.mark.unit
SETTINGS = VerifierSettings("https://auth.example", "orders")


class Revoked:
    def __init__(self) -> None:
        self.asked: list[tuple] = []
        self.answer = False

    def is_revoked(self, session_id, subject, issued_at) -> bool:
        self.asked.append((session_id, subject, issued_at))
        return self.answer


@pytest.fixture
def checks(monkeypatch):
    """The tokens whose signature was checked."""
    import jwt

    seen = []
    decode = jwt.decode
    monkeypatch.setattr(
        jwt, "decode", lambda token, *args, **kwargs: (seen.append(token), decode(token, *args, **kwargs))
    )
    return seen


def test_a_services_token(issuer, verifier):
    claims = issuer.claims(sub="svc_n", client_id="svc_n", sid=..., roles=..., amr=..., auth_time=..., aud=["orders"])
    caller = verifier.verify(issuer.token(payload=claims))
    assert (caller.kind, caller.subject, caller.session_id, caller.auth_time) == ("service", "svc_n", None, None)
    assert (caller.roles, caller.amr) == ((), ())


def test_a_token_without_scope_has_none(issuer, verifier):
    assert verifier.verify(issuer.token(payload=issuer.claims(scope=...))).scopes == frozenset()


@pytest.mark.parametrize(("subject", "client"), [("usr_01", "usr_01"), ("svc_1", "svc_2"), ("svc_1", "web")])
def test_a_client_cannot_pass_for_a_person_nor_the_other_way_round(issuer, verifier, subject, client):
    with pytest.raises(InvalidTokenError, match="subject_space"):
        verifier.verify(issuer.token(payload=issuer.claims(sub=subject, client_id=client)))


@pytest.mark.parametrize("claim", ["sub", "client_id", "jti", "iat", "exp", "iss", "aud"])
def test_every_claim_of_rfc_9068_must_be_there(issuer, verifier, claim):
    with pytest.raises(InvalidTokenError):
        verifier.verify(issuer.token(payload=issuer.claims(**{claim: ...})))


WRONG = [7, None, True, {}, [1], "\x00", "a\nb", "é", "\ud800", 1.5]
WRONG_TIMES = [value for value in WRONG if value is not None and value != 7]


@pytest.mark.parametrize(
    ("claim", "value"),
    [(claim, value) for claim in ("sub", "client_id", "jti", "sid", "scope", "roles", "amr") for value in WRONG]
    + [("auth_time", value) for value in [*WRONG_TIMES, -1, 2**33]],
)
def test_a_claim_of_another_type_is_refused(issuer, verifier, claim, value):
    with pytest.raises(InvalidTokenError):
        verifier.verify(issuer.token(payload=issuer.claims(**{claim: value})))


def test_an_empty_subject_is_refused(issuer, verifier):
    with pytest.raises(InvalidTokenError):
        verifier.verify(issuer.token(payload=issuer.claims(sub="")))


def test_a_verified_token_is_not_checked_again(issuer, verifier, checks):
    token = issuer.token()
    assert verifier.verify(token) == verifier.verify(token)
    assert len(checks) == 1


def test_a_refused_token_is_checked_every_time(issuer, other_issuer, verifier, checks):
    token = other_issuer.token()
    for _ in range(2):
        with pytest.raises(InvalidTokenError):
            verifier.verify(token)
    assert len(checks) == 2


def test_a_remembered_token_still_expires(issuer, verifier, now):
    token = issuer.token()
    verifier.verify(token)
    now(605)
    with pytest.raises(InvalidTokenError):
        verifier.verify(token)


def test_revocation_is_asked_every_time(issuer, now):
    revoked = Revoked()
    verifier = Verifier(SETTINGS, StaticKeys(issuer.jwks()), revoked)
    token = issuer.token()
    verifier.verify(token)
    revoked.answer = True
    with pytest.raises(InvalidTokenError, match="revoked"):
        verifier.verify(token)
    assert revoked.asked == [("ses_01", "usr_01", 1_800_000_000)] * 2


def test_what_is_remembered_is_bounded(issuer, now, monkeypatch):
    from waybill_common.tokens import verifier as module

    monkeypatch.setattr(module, "_MAX_CACHED", 10)
    verifier = Verifier(SETTINGS, StaticKeys(issuer.jwks()))
    tokens = [issuer.token(payload=issuer.claims(jti=f"j-{n}")) for n in range(40)]
    for token in tokens:
        assert verifier.verify(token).subject == "usr_01"
        assert len(verifier._cache) <= 10


def test_two_tokens_are_never_taken_for_one_another(issuer, verifier):
    first = issuer.token()
    second = issuer.token(payload=issuer.claims(sub="usr_02", sid="ses_02"))
    for _ in range(2):
        assert verifier.verify(first).subject == "usr_01"
        assert verifier.verify(second).subject == "usr_02"

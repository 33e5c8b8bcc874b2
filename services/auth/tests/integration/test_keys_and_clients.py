"""Signing keys from first to last, the key set, service clients, and what the recurring jobs remove."""

import jwt
import pytest
from waybill_auth.domain.errors import ClientsFileError, KeyNotFoundError, LastAdminError
from waybill_auth.use_cases.change_roles import ChangeRole
from waybill_common.tokens import StaticKeys, Verifier, VerifierSettings

pytestmark = pytest.mark.integration


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


def states(auth):
    return dict(auth.sql("SELECT kid, state FROM signing_key").__iter__())


def replica(auth, make_auth):
    """Another web process on the same database, which reads the ring anew."""
    return make_auth(auth.settings.database_url.get_secret_value())


def test_the_first_key_of_an_empty_ring_is_active_at_once_and_migrating_again_makes_none(auth):
    assert list(states(auth).values()) == ["active"]
    assert auth.commands.rotate_keys(is_asked_for=False).created == ()
    assert len(states(auth)) == 1


def test_the_key_set_is_public_cacheable_and_has_no_private_member(auth):
    answer = auth.get("/.well-known/jwks.json")
    (key,) = answer.json["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["use"], key["alg"]) == ("sig", "ES256")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    again = auth.get("/.well-known/jwks.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_other_services_verify_tokens_offline_with_the_key_set(make_auth, algorithm):
    auth = make_auth(SIGNING_ALGORITHM=algorithm)
    user_id = auth.member()
    keys = StaticKeys(auth.get("/.well-known/jwks.json").json)
    caller = Verifier(VerifierSettings(auth.settings.issuer, "orders"), keys).verify(auth.tokens()["access_token"])
    assert (caller.subject, caller.kind, caller.roles) == (user_id, "person", ("customer",))


def test_the_metadata_names_what_is_on_and_nothing_else(auth):
    answer = auth.get("/.well-known/openid-configuration")
    assert answer.json == auth.get("/.well-known/oauth-authorization-server").json
    assert answer.json["issuer"] == auth.settings.issuer
    assert answer.json["grant_types_supported"] == ["client_credentials", "refresh_token"]
    assert answer.json["response_types_supported"] == []
    assert "authorization_endpoint" not in answer.json


def test_a_rotation_publishes_first_signs_later_and_refuses_no_token_on_the_way(auth, make_auth):
    auth.member()
    (old,) = states(auth)
    issued = [auth.tokens()["access_token"]]
    (new,) = auth.commands.rotate_keys(is_asked_for=True).created
    assert auth.commands.rotate_keys(is_asked_for=True).created == ()
    assert states(auth) == {old: "active", new: "standby"}
    second = replica(auth, make_auth)
    assert {key["kid"] for key in second.get("/.well-known/jwks.json").json["keys"]} == {old, new}
    issued.append(second.tokens()["access_token"])
    assert kid_of(issued[-1]) == old

    auth.sql("UPDATE signing_key SET activate_at = now() WHERE kid = :kid", kid=new)
    auth.run_housekeeping()
    assert states(auth) == {old: "retiring", new: "active"}
    third = replica(auth, make_auth)
    issued.append(third.tokens()["access_token"])
    assert kid_of(issued[-1]) == new
    for web in (second, third):
        assert [web.get("/v1/me", token).status_code for token in issued] == [200, 200, 200]

    auth.sql("UPDATE signing_key SET retired_at = now() - interval '661 seconds' WHERE kid = :kid", kid=old)
    auth.run_housekeeping()
    assert states(auth) == {old: "gone", new: "active"}
    assert auth.sql("SELECT private_enc IS NULL FROM signing_key WHERE kid = :kid", kid=old) == [(True,)]
    last = replica(auth, make_auth)
    assert [last.get("/v1/me", token).status_code for token in issued] == [401, 401, 200]


def test_a_key_of_thirty_days_gets_a_successor_by_itself(auth):
    auth.sql("UPDATE signing_key SET activate_at = now() - interval '30 days'")
    auth.run_housekeeping()
    assert sorted(states(auth).values()) == ["active", "standby"]


def test_a_revoked_key_is_gone_at_once_with_every_session(auth, make_auth):
    user_id = auth.member()
    tokens = auth.tokens()
    (old,) = states(auth)
    assert auth.commands.revoke_key(old) == 1
    assert sorted(states(auth).values()) == ["active", "gone"]
    fresh = replica(auth, make_auth)
    assert fresh.get("/v1/me", tokens["access_token"]).status_code == 401
    assert fresh.refresh(tokens["refresh_token"]).status_code == 400
    assert [event.subject for event in auth.events("auth.user.revoked")] == [user_id]
    assert kid_of(fresh.tokens()["access_token"]) != old


def test_a_revocation_that_was_cut_short_is_finished_by_the_next(auth, monkeypatch):
    auth.member()
    tokens = auth.tokens()
    (old,) = states(auth)
    with monkeypatch.context() as cut:
        cut.setattr("waybill_auth.use_cases.revoke_key._end_everything", cut_short)
        with pytest.raises(KeyboardInterrupt):
            auth.commands.revoke_key(old)
    assert sorted(states(auth).values()) == ["active", "gone"]
    assert auth.refresh(tokens["refresh_token"]).status_code == 200
    assert auth.commands.revoke_key(old) == 1
    assert sorted(states(auth).values()) == ["active", "gone"]
    assert auth.refresh(tokens["refresh_token"]).status_code == 400
    with pytest.raises(KeyNotFoundError):
        auth.commands.revoke_key("unknown")


def cut_short(*_arguments):
    raise KeyboardInterrupt


def test_an_empty_ring_answers_503_and_is_not_ready(auth, make_auth):
    auth.member()
    auth.sql("DELETE FROM signing_key")
    from waybill_auth.app import create_app
    from waybill_auth.bootstrap import build_web

    dependencies = build_web(auth.settings)
    client = create_app(dependencies).test_client()
    body = {"email": "kim@example.com", "password": "nine purple kettles sing"}
    answer = client.post("/v1/login", json=body)
    assert (answer.status_code, answer.json["code"]) == (503, "signing_key_missing")
    assert "auth migrate" in (dependencies.ready_checks["keys"]() or "")
    assert dependencies.ready_checks["schema"]() is None
    dependencies.close()


def test_declared_clients_replace_the_table_and_a_bad_declaration_changes_nothing(auth, make_auth):
    url = auth.settings.database_url.get_secret_value()
    declared = '[{"id": "svc_new", "secret_sha256": "' + "0" * 64 + '", "audiences": ["auth"], "scopes": []}]'
    make_auth(url, CLIENTS=declared)
    assert auth.sql("SELECT id, introspects FROM oauth_client") == [("svc_new", ["new"])]
    for bad in (
        "nonsense",
        "{}",
        '[{"id": "svc_x"}]',
        declared.replace("svc_", "usr_"),
        declared.replace("0" * 64, "0"),
    ):
        with pytest.raises(ClientsFileError):
            make_auth(url, CLIENTS=bad)
    make_auth(url, CLIENTS=" ")
    assert auth.sql("SELECT id FROM oauth_client") == [("svc_new",)]


def test_two_secrets_of_a_client_are_live_while_one_is_rotated(auth):
    auth.sql(
        "UPDATE oauth_client SET secret_hashes = secret_hashes || sha256('the next secret') WHERE id = 'svc_notifier'"
    )
    assert auth.service_token(secret="notifier-secret")
    assert auth.service_token(secret="the next secret")


def test_the_first_administrator_gets_a_link_that_is_good_once(auth):
    link = auth.commands.create_admin("boss@example.com").link
    page, _, token = link.partition("#token=")
    assert page == "https://shop.example/reset"
    body = {"token": token, "password": "nine purple kettles sing"}
    assert auth.post("/v1/password/reset", body).status_code == 204
    assert auth.post("/v1/password/reset", body).status_code == 400
    me = auth.get("/v1/me", auth.tokens("boss@example.com")["access_token"])
    assert me.json["roles"] == ["customer", "admin"]
    claims = jwt.decode(auth.tokens("boss@example.com")["access_token"], options={"verify_signature": False})
    assert "users:admin" in claims["scope"].split()


def test_the_last_administrator_keeps_the_role(auth):
    auth.commands.create_admin("boss@example.com")
    auth.commands.create_admin("deputy@example.com")
    assert auth.commands.change_role(ChangeRole("boss@example.com", "admin", grants=False)) == ("customer",)
    with pytest.raises(LastAdminError):
        auth.commands.change_role(ChangeRole("deputy@example.com", "admin", grants=False))


def test_accounts_that_nobody_verified_are_removed_after_seven_days_and_the_address_is_free(auth):
    auth.member("kim@example.com")
    auth.register("stale@example.com")
    auth.register("fresh@example.com")
    auth.sql("UPDATE users SET created_at = now() - interval '8 days' WHERE email <> 'fresh@example.com'")
    auth.run_housekeeping()
    assert auth.sql("SELECT email FROM users ORDER BY email") == [("fresh@example.com",), ("kim@example.com",)]
    assert len(auth.events("auth.user.deleted")) == 1
    assert auth.register("stale@example.com").status_code == 202


def test_old_sessions_mail_requests_and_throttle_rows_are_removed(auth):
    auth.member()
    kept, old = auth.tokens(), auth.tokens()
    auth.log_in(password="wrong")
    auth.sql("UPDATE sessions SET revoked_at = now() - interval '31 days' WHERE id = :id", id=old["session_id"])
    auth.sql("UPDATE mail_request SET expires_at = now() - interval '8 days'")
    auth.sql("UPDATE throttle SET last_at = now() - interval '3 days'")
    auth.run_housekeeping()
    assert auth.sql("SELECT id FROM sessions") == [(kept["session_id"],)]
    assert auth.sql("SELECT count(*) FROM mail_request") == [(0,)]
    assert auth.sql("SELECT count(*) FROM throttle") == [(0,)]

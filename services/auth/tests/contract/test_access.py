"""Nobody reads or changes what is not his: every route of the URL map is walked, so a new one needs a case here."""

import pytest
from waybill_testkit.routes import all_are, of_kind, scopes_of, statuses, walk

pytestmark = [pytest.mark.contract, pytest.mark.integration]


@pytest.fixture
def routes(auth):
    return walk(auth.app)


@pytest.fixture
def sign_in(auth):
    """`sign_in(email, *roles)` makes an account and gives its tokens."""

    def make(email, *roles):
        auth.member(email)
        for role in roles:
            auth.grant(email, role)
        return auth.tokens(email)

    return make


def test_every_route_has_an_access_rule(routes):
    assert of_kind(routes, "none") == []


def test_no_token_is_401_wherever_one_is_needed(auth, routes):
    guarded = of_kind(routes, "person", "staff", "service")
    assert len(guarded) > 10
    assert statuses(auth.app, guarded) == all_are(401, guarded)


def test_the_oauth_endpoints_know_no_anonymous_client(auth, routes):
    endpoints = of_kind(routes, "client")
    assert {route.name for route in endpoints} == {f"POST /oauth/{name}" for name in ("token", "introspect", "revoke")}
    for route in endpoints:
        answer = auth.client.post(route.path, data={"grant_type": "client_credentials", "token": "x"})
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), route.name


def test_a_customer_is_403_on_every_staff_route_whatever_the_id(auth, routes, sign_in):
    staff = of_kind(routes, "staff")
    assert staff
    assert statuses(auth.app, staff, sign_in("kim@example.com")["access_token"]) == all_are(403, staff)


def test_the_role_opens_the_staff_routes(auth, routes, sign_in):
    token = sign_in("sam@example.com", "staff")["access_token"]
    answers = statuses(auth.app, of_kind(routes, "staff"), token)
    assert not {401, 403} & set(answers.values())


def test_no_person_gets_into_an_internal_route_an_administrator_neither(auth, routes, sign_in):
    internal = of_kind(routes, "service")
    assert len(internal) >= 3
    for token in (sign_in("kim@example.com"), sign_in("ada@example.com", "admin")):
        assert statuses(auth.app, internal, token["access_token"]) == all_are(403, internal)


def test_a_service_is_403_on_every_route_of_persons(auth, routes):
    of_people = of_kind(routes, "person", "staff")
    assert statuses(auth.app, of_people, auth.service_token()) == all_are(403, of_people)


def test_a_service_opens_only_the_internal_routes_of_its_scopes(auth, routes):
    internal = of_kind(routes, "service")
    for scope in scopes_of(internal):
        answers = statuses(auth.app, internal, auth.service_token(scope=scope))
        opened = {route.name for route in internal if route.access.scope == scope}
        assert {name for name, status in answers.items() if status not in {401, 403}} == opened


def test_another_person_is_404_on_every_route_with_an_id_and_the_owner_is_not(auth, routes, sign_in):
    kim, lee = sign_in("kim@example.com"), sign_in("lee@example.com")
    of_kim = {"session_id": kim["session_id"]}
    walked = [route for route in of_kind(routes, "person") if route.parameters]
    assert walked
    for route in walked:
        assert route.parameters <= set(of_kim), f"{route.name}: make one of these for Kim in `of_kim`"
        answer = route.call(auth.app, lee["access_token"], of_kim)
        assert answer.status_code == 404, f"{route.name}: {answer.status_code} {answer.text}"
        assert answer.json["code"] == route.call(auth.app, lee["access_token"]).json["code"]
    assert auth.get("/v1/me", kim["access_token"]).status_code == 200
    for route in walked:
        assert route.call(auth.app, kim["access_token"], of_kim).status_code in {200, 204}, route.name


def test_answers_are_what_the_contract_says(auth, routes, sign_in):
    ada = sign_in("ada@example.com", "admin")["access_token"]
    ids = {"user_id": auth.get("/v1/me", ada).json["id"], "request_id": ""}
    ids["request_id"] = auth.sql("SELECT id FROM mail_request LIMIT 1")[0].id
    read = [route for route in routes if route.method == "GET"]
    answers = [
        (route, route.call(auth.app, auth.service_token() if route.kind == "service" else ada, ids)) for route in read
    ]
    assert {route.name for route, answer in answers if answer.status_code != 200} == {
        "GET /v1/dead-letters/<letter_id>",  # there is none
        "GET /internal/mail-requests/<request_id>",  # used already
    }
    assert [fault for route, answer in answers for fault in route.faults(answer)] == []

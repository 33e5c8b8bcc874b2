"""Nobody reads or changes what is not his: every route of the URL map is walked, so a new one needs a case here."""

import pytest
from notifier_support.events import event, order_data
from waybill_testkit.routes import all_are, of_kind, scopes_of, statuses, walk

pytestmark = [pytest.mark.contract, pytest.mark.integration]

BOB = "usr_" + "b" * 32


@pytest.fixture
def routes(app):
    return walk(app)


@pytest.fixture
def ann(idle):
    return idle.customer("ann@example.test")


@pytest.fixture
def of_ann(idle, app, ann):
    """Ids of everything of Ann's that a path can name."""
    idle.handle(event("orders.order.placed", order_data(ann)))
    (notification,) = idle.rows("SELECT id FROM notification")
    return {"notification_id": notification["id"]}


@pytest.fixture
def ledger_ids(idle, of_ann):
    return {**of_ann, "delivery_id": idle.row("SELECT id FROM delivery")["id"]}


def test_every_route_has_an_access_rule(routes):
    assert of_kind(routes, "none") == []


def test_no_token_is_401_wherever_one_is_needed(app, routes):
    guarded = of_kind(routes, "person", "staff", "service")
    assert len(guarded) > 8
    assert statuses(app, guarded) == all_are(401, guarded)


def test_a_customer_is_403_on_every_staff_route_whatever_the_id(app, routes):
    staff = of_kind(routes, "staff", "service")
    assert statuses(app, staff, BOB) == all_are(403, staff)


def test_every_other_scope_does_not_open_a_staff_route_and_its_own_does(app, routes):
    for route in of_kind(routes, "staff"):
        others = scopes_of(routes) - {route.access.scope}
        assert route.call(app, " ".join(["usr_sam", *others])).status_code == 403, route.name
        assert route.call(app, f"usr_sam {route.access.scope}").status_code not in {401, 403}, route.name


def test_a_service_is_403_on_every_route_of_persons(app, routes):
    of_people = of_kind(routes, "person", "staff")
    token = " ".join(["svc_orders", *scopes_of(routes)])
    assert statuses(app, of_people, token) == all_are(403, of_people)


def test_another_customer_is_404_on_every_route_with_an_id_and_the_owner_is_not(app, routes, ann, of_ann):
    walked = [route for route in of_kind(routes, "person") if route.parameters]
    assert walked
    for route in walked:
        assert route.parameters <= set(of_ann), f"{route.name}: make one of these for Ann in `of_ann`"
        answer = route.call(app, BOB, of_ann)
        assert answer.status_code == 404, f"{route.name}: {answer.status_code} {answer.text}"
        assert answer.json["code"] == route.call(app, BOB).json["code"]
    for route in walked:
        answer = route.call(app, ann, of_ann)
        assert answer.status_code == 200, route.name
        assert route.faults(answer) == []


def test_answers_are_what_the_contract_says(app, routes, ann, ledger_ids):
    everything = " ".join([ann, *scopes_of(routes)])
    read = [route for route in routes if route.method == "GET"]
    answers = [(route, route.call(app, everything, ledger_ids)) for route in read]
    assert {route.name for route, answer in answers if answer.status_code != 200} == {
        "GET /v1/dead-letters/<letter_id>",  # there is none
        "GET /u/<token>",  # no such link
    }
    assert [fault for route, answer in answers for fault in route.faults(answer)] == []

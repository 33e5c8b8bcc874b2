"""Nobody reads or changes what is not his: every route of the URL map is walked, so a new one needs a case here."""

import pytest
from waybill_testkit.routes import all_are, of_kind, scopes_of, statuses, walk

from services.orders.tests.integration.service import ANN, BOB, STAFF, Service

pytestmark = [pytest.mark.contract, pytest.mark.integration]

SELLER = f"{STAFF} orders:ship orders:refund payments:write"
BODIES = {
    "POST /v1/orders/<order_id>/payments": {"method": {"type": "sandbox", "token": "tok_approve"}},
    "POST /v1/orders/<order_id>/notes": {"text": "for me", "public": True},
}


@pytest.fixture
def routes(service):
    return walk(service.app)


def of_persons(routes):
    """Routes on which a customer names something that is somebody's."""
    return [route for route in of_kind(routes, "person") if route.parameters]


def belongings(service: Service, customer: str) -> dict[str, str]:
    """Make one of everything that a path can name, and return the ids by the path's words for them."""
    order = service.placed(("TEA", 3), token=customer)
    path = f"/v1/orders/{order['id']}"
    payment = service.call("POST", f"{path}/payments", customer, json=BODIES["POST /v1/orders/<order_id>/payments"])
    assert payment.status_code == 201, payment.text
    version = service.order(order["id"], customer)["version"]
    parcel = service.call(
        "POST",
        f"{path}/fulfillments",
        SELLER,
        json={"lines": [{"line": 1, "quantity": 1}]},
        headers={"If-Match": f'"{version}"'},
    )
    assert parcel.status_code == 201, parcel.text
    refund = service.call(
        "POST", f"{path}/refunds", SELLER, json={"amount": {"amount": 100, "currency": "EUR"}, "reason": "late"}
    )
    assert refund.status_code == 201, refund.text
    return {
        "order_id": order["id"],
        "payment_id": payment.json["id"],
        "fulfillment_id": parcel.json["id"],
        "refund_id": refund.json["id"],
    }


@pytest.fixture
def of_ann(service):
    service.product("TEA")
    return belongings(service, ANN)


def test_every_route_has_an_access_rule(routes):
    assert of_kind(routes, "none") == []


def test_no_token_is_401_wherever_one_is_needed(service, routes):
    guarded = of_kind(routes, "person", "staff", "service")
    assert len(guarded) > 20
    assert statuses(service.app, guarded) == all_are(401, guarded)


def test_a_customer_is_403_on_every_staff_route_whatever_the_id(service, routes):
    staff = of_kind(routes, "staff", "service")
    assert statuses(service.app, staff, ANN) == all_are(403, staff)


def test_every_other_scope_does_not_open_a_staff_route_and_its_own_does(service, routes):
    for route in of_kind(routes, "staff"):
        others = scopes_of(routes) - {route.access.scope}
        assert route.call(service.app, " ".join(["usr_sam", *others])).status_code == 403, route.name
        assert route.call(service.app, f"usr_sam {route.access.scope}").status_code not in {401, 403}, route.name


def test_a_service_is_403_on_every_route_of_persons(service, routes):
    of_people = of_kind(routes, "person", "staff")
    token = " ".join(["svc_notifier", *scopes_of(routes)])
    assert statuses(service.app, of_people, token) == all_are(403, of_people)


def test_another_customer_is_404_on_every_route_with_an_id_and_the_owner_is_not(service, routes, of_ann):
    walked = of_persons(routes)
    assert len(walked) >= 10
    for route in walked:
        assert route.parameters <= set(of_ann), f"{route.name}: make one of these for Ann in `belongings`"
        answer = route.call(service.app, BOB, of_ann, BODIES.get(route.name))
        assert answer.status_code == 404, f"{route.name}: {answer.status_code} {answer.text}"
        assert answer.json["code"] == route.call(service.app, BOB, None, BODIES.get(route.name)).json["code"]
    for route in walked:
        answer = route.call(service.app, ANN, of_ann, BODIES.get(route.name))
        assert answer.status_code not in {401, 403, 404}, f"{route.name}: {answer.status_code} {answer.text}"
        assert route.faults(answer) == []


def test_anothers_part_is_404_below_ones_own_order(service, routes, of_ann):
    of_bob = belongings(service, BOB)
    nested = [route for route in of_persons(routes) if len(route.parameters) > 1]
    assert len(nested) >= 3
    for route in nested:
        answer = route.call(service.app, BOB, {**of_ann, "order_id": of_bob["order_id"]}, BODIES.get(route.name))
        assert answer.status_code == 404, f"{route.name}: {answer.status_code} {answer.text}"
    for route in [route for route in of_kind(routes, "staff") if len(route.parameters) > 1]:
        answer = route.call(service.app, SELLER, {**of_ann, "order_id": of_bob["order_id"]})
        assert answer.status_code == 404, f"{route.name}: {answer.status_code} {answer.text}"


def test_answers_are_what_the_contract_says(service, routes, of_ann):
    everything = " ".join([ANN, *scopes_of(routes)])
    read = [route for route in routes if route.method == "GET"]
    answers = [(route, route.call(service.app, everything, {**of_ann, "sku": "TEA"})) for route in read]
    assert {route.name for route, answer in answers if answer.status_code != 200} == {
        "GET /v1/dead-letters/<letter_id>"  # there is none
    }
    assert [fault for route, answer in answers for fault in route.faults(answer)] == []

"""Nobody reads or changes what is not his: every route of every contract is walked."""

import re
import secrets

import pytest

pytestmark = pytest.mark.e2e

SERVICES = ("auth", "orders", "notifier")
# Ids in paths that are nobody's in particular: a product is everybody's.
SHARED_IDS = {"sku"}
# What a route takes, where an empty object is refused before anything is looked up.
BODIES = {
    "notes": {"text": "Hello"},
    "payments": {"method": {"type": "sandbox", "token": "tok_approve"}},
}


def _operations(api, service):
    paths = api.call(service, "GET /openapi.json").expect(200).json["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _fill(path, ids):
    return re.sub(r"\{(\w+)\}", lambda found: ids.get(found.group(1), f"x{secrets.token_hex(16)}"), path)


def _call(person_or_api, service, method, path, operation):
    headers = {
        parameter["name"].replace("-", "_"): '"1"' if parameter["name"] == "If-Match" else f"key-{secrets.token_hex(8)}"
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "header" and parameter["required"]
    }
    body = BODIES.get(path.rpartition("/")[2], {}) if method in ("POST", "PUT", "PATCH") else None
    return person_or_api.call(service, f"{method} {path}", body, **headers)


@pytest.mark.parametrize("service", SERVICES)
def test_no_token_is_401_wherever_one_is_needed(api, service):
    checked, wrong = 0, []
    for method, path, operation in _operations(api, service):
        if operation.get("x-public") or operation.get("x-client-authenticated"):
            continue
        answer = _call(api, service, method, _fill(path, {}), operation)
        checked += 1
        if answer.status != 401 or not answer.headers["WWW-Authenticate"].startswith("Bearer realm="):
            wrong.append(f"{method} {path}: {answer.status}")
    assert not wrong
    assert checked > 3


@pytest.mark.parametrize("service", SERVICES)
def test_a_customer_is_403_on_every_staff_route_whatever_the_id(api, kim, service):
    staff_routes, wrong = 0, []
    for method, path, operation in _operations(api, service):
        if operation.get("x-caller") != "staff":
            continue
        staff_routes += 1
        answer = _call(kim, service, method, _fill(path, {}), operation)
        if answer.status != 403:
            wrong.append(f"{method} {path}: {answer.status} {answer.body[:200]!r}")
    assert not wrong
    assert staff_routes > 0


@pytest.mark.parametrize("service", ["auth"])
def test_a_person_is_403_on_every_internal_route(api, kim, staff, service):
    internal, wrong = 0, []
    for method, path, operation in _operations(api, service):
        if operation.get("x-caller") != "service":
            continue
        internal += 1
        for person in (kim, staff):
            answer = _call(person, service, method, _fill(path, {"user_id": kim.id, "id": kim.id}), operation)
            if answer.status != 403:
                wrong.append(f"{method} {path}: {answer.status}")
    assert not wrong
    assert internal >= 3


@pytest.fixture
def belongings(kim, mailbox, product):
    """Ids of everything that one customer has, by the kind of thing a path names."""
    order = kim.place({product(): 2}).expect(201).json
    payment = kim.pay(order).expect(201).json
    mailbox.wait(kim.email, 3)
    notes = kim.call("orders", f"POST /v1/orders/{order['id']}/notes", {"text": "mine", "public": True}).expect(201)
    notifications = kim.get("notifier", "/v1/notifications").expect(200).json["data"]
    sessions = kim.get("auth", "/v1/sessions").expect(200).json["data"]
    return {
        "orders": {"order_id": order["id"], "payment_id": payment["id"], "note_id": notes.json["id"]},
        "notifier": {"notification_id": notifications[0]["id"]},
        "auth": {"session_id": sessions[0]["id"]},
    }


@pytest.mark.parametrize("service", SERVICES)
def test_another_customer_is_404_on_every_route_with_an_id_and_the_owner_is_not(
    api, mailbox, kim, belongings, other, service
):
    checked, wrong = 0, []
    for method, path, operation in _operations(api, service):
        names = set(re.findall(r"\{(\w+)\}", path)) - SHARED_IDS
        if operation.get("x-caller") != "person" or not names:
            continue
        checked += 1
        unknown = names - set(belongings[service])
        assert not unknown or len(unknown) < len(names) or method == "GET", f"{path}: nothing of kim has {unknown}"
        answer = _call(other, service, method, _fill(path, belongings[service]), operation)
        if answer.status != 404:
            wrong.append(f"{method} {path}: {answer.status} {answer.body[:200]!r}")
    assert not wrong
    assert checked > 0


def test_the_owner_reads_what_the_other_may_not(kim, belongings):
    order = belongings["orders"]["order_id"]
    kim.get("orders", f"/v1/orders/{order}").expect(200)
    kim.get("notifier", f"/v1/notifications/{belongings['notifier']['notification_id']}").expect(200)


def test_a_list_shows_only_what_is_ones_own(kim, other, belongings):
    assert other.get("orders", "/v1/orders").expect(200).json["data"] == []
    assert other.get("orders", f"/v1/orders?customer_id={kim.id}").status in (200, 403)
    mine = {order["id"] for order in kim.get("orders", "/v1/orders").json["data"]}
    assert mine == {belongings["orders"]["order_id"]}

"""The notifier's routes: the caller's inbox, the staff's ledger, dead letters, and who may call what."""

from dataclasses import replace

import pytest
from notifier_support.events import event, order_data
from notifier_support.notifier import Notifier
from waybill_notifier.app import create_app
from waybill_notifier.bootstrap import web_dependencies
from waybill_testkit.callers import TokenIsTheCaller
from waybill_testkit.routes import all_are, of_kind, scopes_of, statuses, walk

pytestmark = pytest.mark.integration

READ, WRITE = "usr_staff deliveries:read", "usr_staff deliveries:write"


@pytest.fixture
def idle(database_url, auth, catcher):
    with Notifier(database_url, auth, catcher, works=False) as notifier:
        yield notifier


@pytest.fixture
def app(idle):
    return create_app(replace(web_dependencies(idle.settings), verifier=TokenIsTheCaller()))


@pytest.fixture
def call(app):
    client = app.test_client()

    def send(method, path, token=None, key=None, **headers):
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        return client.open(path, method=method, headers=headers)

    return send


def placed(notifier, email="ann@example.test", **changes):
    customer = notifier.customer(email)
    return customer, notifier.hand_in(event("orders.order.placed", order_data(customer, **changes)))


def test_no_token_gets_401_on_every_route_that_is_not_public(app):
    routes = [route for route in walk(app) if route.kind != "public"]
    assert statuses(app, routes) == all_are(401, routes)
    assert {route.kind for route in walk(app)} == {"public", "person", "staff"}


def test_a_person_without_the_scope_gets_403_on_every_staff_route(app):
    routes = of_kind(walk(app), "staff")
    assert statuses(app, routes, "usr_ann") == all_are(403, routes)
    assert scopes_of(routes) == {"deliveries:read", "deliveries:write", "dead-letters:write"}


def test_a_second_user_gets_404_on_every_route_with_an_id(app, idle, call):
    owner, _ = placed(idle)
    own = call("GET", "/v1/notifications", owner).json["data"][0]["id"]
    routes = [route for route in of_kind(walk(app), "person") if route.parameters]
    assert routes
    for route in routes:
        assert route.call(app, owner, {"notification_id": own}).status_code == 200, route.name
        assert route.call(app, "usr_other", {"notification_id": own}).status_code == 404, route.name


def test_the_inbox_shows_what_happened_in_the_readers_language(idle, call):
    owner, _ = placed(idle)
    (entry,) = call("GET", "/v1/notifications", owner, **{"Accept-Language": "ko-KR,ko;q=0.9"}).json["data"]
    assert entry["title"] == "주문 W-1001 접수 완료"
    assert (entry["type"], entry["read_at"]) == ("order_placed", None)
    assert call("GET", f"/v1/notifications/{entry['id']}", owner).json["title"] == "Order W-1001 received"


def test_reading_is_noted_once(idle, call):
    owner, _ = placed(idle)
    path = f"/v1/notifications/{call('GET', '/v1/notifications', owner).json['data'][0]['id']}/read"
    first = call("POST", path, owner, "k1")
    again = call("POST", path, owner, "k1")
    assert first.json["read_at"] is not None
    assert again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true"
    assert call("POST", path, owner).json["read_at"] == first.json["read_at"]


def test_an_inbox_is_read_page_by_page(idle, call):
    owner = idle.customer("ann@example.test")
    for number in range(5):
        idle.hand_in(event("orders.order.placed", order_data(owner, number=f"W-{number}")))
    seen, path = [], "/v1/notifications?limit=2"
    while path:
        page = call("GET", path, owner).json
        seen += [entry["title"] for entry in page["data"]]
        path = f"/v1/notifications?limit=2&cursor={page['next_cursor']}" if page["has_more"] else None
    assert seen == [f"Order W-{number} received" for number in (4, 3, 2, 1, 0)]
    assert call("GET", "/v1/notifications?cursor=x", owner).status_code == 400
    assert call("GET", "/v1/notifications?limit=101", owner).status_code in (400, 422)


def test_the_ledger_can_be_searched(idle, call):
    first_user, first = placed(idle, order_id="ord_1")
    _, second = placed(idle, order_id="ord_2")
    query = lambda text: [row["id"] for row in call("GET", f"/v1/deliveries{text}", READ).json["data"]]  # noqa: E731
    assert query("") == [second, first]
    assert query("?order_id=ord_1") == [first]
    assert query(f"?user_id={first_user}") == [first]
    assert query("?state=queued") == [second, first]
    assert query("?state=sent") == []
    assert call("GET", "/v1/deliveries?state=odd", READ).status_code in (400, 422)
    assert call("GET", "/v1/deliveries?odd=1", READ).status_code == 400


def test_a_delivery_shows_its_attempts_and_transitions(idle, call, catcher):
    delivery_id = idle.order_event("451x1+ok@example.test")
    idle.start()
    row = idle.until(delivery_id, "sent")
    shown = call("GET", f"/v1/deliveries/{delivery_id}", READ).json
    assert shown["message_id"] == row["message_id"]
    assert (shown["template"], shown["template_version"], shown["channel"]) == ("order_placed", 1, "email")
    assert [(one["outcome"], one["smtp_code"]) for one in shown["attempts"]] == [("transient", 451), ("sent", 250)]
    assert [one["to_state"] for one in shown["transitions"]] == ["sending", "queued", "sending", "sent"]
    assert call("GET", "/v1/deliveries/dlv_none", READ).status_code == 404


def test_a_failed_delivery_is_sent_again_once_per_key(idle, call, catcher):
    delivery_id = idle.order_event("data-554x1+ok@example.test")
    idle.start()
    idle.until(delivery_id, "failed")
    first = call("POST", f"/v1/deliveries/{delivery_id}/retry", WRITE, "k1")
    again = call("POST", f"/v1/deliveries/{delivery_id}/retry", WRITE, "k1")
    assert (first.status_code, again.data) == (200, first.data)
    row = idle.until(delivery_id, "sent")
    assert [mail.message_id for mail in catcher.messages] == [row["message_id"]]
    transitions = idle.rows("SELECT to_state, cause, actor FROM delivery_transition ORDER BY id")
    assert {"to_state": "queued", "cause": "staff", "actor": "usr_staff"} in transitions
    assert call("POST", f"/v1/deliveries/{delivery_id}/retry", WRITE, "k2").status_code == 409


def test_a_suppressed_delivery_can_be_sent_by_decision(idle, call, catcher):
    customer = idle.customer("550.5.1.1x1+ok@example.test")
    idle.start()
    idle.until(idle.hand_in(event("orders.order.placed", order_data(customer))), "failed")
    suppressed = idle.hand_in(event("orders.order.placed", order_data(customer)))
    idle.until(suppressed, "suppressed")
    assert call("POST", f"/v1/deliveries/{suppressed}/retry", WRITE, "k1").status_code == 200
    idle.until(suppressed, "sent")


def test_a_waiting_delivery_is_hastened(idle, call, catcher):
    idle.settings = idle.settings.model_copy(update={"retry_patient_seconds": (600.0,)})
    delivery_id = idle.order_event("451x1+ok@example.test")
    idle.start()
    idle.until(delivery_id, "queued")
    from waybill_testkit.waiting import eventually

    eventually(lambda: idle.delivery(delivery_id)["attempts"] == 1)
    assert call("POST", f"/v1/deliveries/{delivery_id}/retry", WRITE, "k1").json["state"] == "queued"
    idle.until(delivery_id, "sent")


def test_a_canceled_delivery_is_not_sent_and_its_lane_goes_on(idle, call, catcher):
    customer = idle.customer("ann@example.test")
    data = order_data(customer)
    first = idle.hand_in(event("orders.order.placed", data))
    second = idle.hand_in(event("orders.payment.captured", data))
    assert call("POST", f"/v1/deliveries/{first}/cancel", WRITE, "k1").json["state"] == "canceled"
    idle.start()
    idle.until(second, "sent")
    assert [mail.subject for mail in catcher.messages] == ["Payment received for order W-1001"]
    problem = call("POST", f"/v1/deliveries/{second}/cancel", WRITE, "k2")
    assert (problem.status_code, problem.json["code"], problem.json["from"]) == (409, "invalid_transition", "sent")


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_staff_commands_need_a_key_and_a_delivery(call, command):
    assert call("POST", f"/v1/deliveries/dlv_1/{command}", WRITE).json["code"] == "idempotency_key_required"
    assert call("POST", f"/v1/deliveries/dlv_1/{command}", WRITE, "k1").json["code"] == "delivery_not_found"


def test_an_unknown_unsubscribe_token_is_404_and_changes_nothing(app, call):
    for method in ("GET", "HEAD", "POST"):
        assert call(method, "/u/abcdefghijklmnopqrstuv").status_code == 404
    posted = app.test_client().post("/u/abc", data={"List-Unsubscribe": "One-Click"})
    assert (posted.status_code, posted.json["code"]) == (404, "unknown_unsubscribe_token")


def test_dead_letters_are_listed(call):
    answer = call("GET", "/v1/dead-letters", "usr_staff dead-letters:write")
    assert (answer.status_code, answer.json["data"]) == (200, [])

"""Reading orders: entity tags, pages, filters, notes, timelines, and whose they are."""

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from .service import ANN, BOB, STAFF, Service, code_of

pytestmark = pytest.mark.integration


def walk(service: Service, path: str, token: str = ANN) -> list[dict]:
    """Follow `next_cursor` to the end."""
    found: list[dict] = []
    cursor = ""
    while True:
        page = service.call("GET", f"{path}{cursor}", token)
        assert page.status_code == 200, page.text
        found += page.json["data"]
        assert page.json["has_more"] is (page.json["next_cursor"] is not None)
        if not page.json["has_more"]:
            assert "Link" not in page.headers
            return found
        assert 'rel="next"' in page.headers["Link"]
        cursor = f"&cursor={page.json['next_cursor']}"


def test_an_order_has_its_version_as_its_etag_and_304_has_no_body(service: Service) -> None:
    service.product("A")
    path = f"/v1/orders/{service.placed(('A', 1))['id']}"
    tag = service.call("GET", path).headers["ETag"]
    assert tag == '"1"'
    same = service.call("GET", path, headers={"If-None-Match": tag})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    service.call("POST", f"{path}/notes", json={"text": "now at two"})
    changed = service.call("GET", path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')


def test_a_migration_that_changes_a_column_under_a_prepared_read_costs_nobody_an_error(service: Service) -> None:
    service.product("A")
    path = f"/v1/orders/{service.placed(('A', 1))['id']}"
    before = service.call("GET", path).json
    service.execute("ALTER TABLE orders ADD COLUMN gift_note text")
    assert service.call("GET", path).json == before
    service.execute("ALTER TABLE orders ALTER COLUMN external_reference TYPE varchar(200)")
    assert service.call("GET", path).json == before


def test_unknown_and_foreign_ids_are_the_same_404_on_every_route(service: Service) -> None:
    service.product("A")
    path = f"/v1/orders/{service.placed(('A', 1))['id']}"
    routes = [("GET", ""), ("GET", "/timeline"), ("GET", "/notes"), ("POST", "/cancel"), ("POST", "/notes")]
    for method, end in routes:
        options = {"json": {"text": "x"} if end == "/notes" else {}} if method == "POST" else {}
        for where, token in ((path, BOB), ("/v1/orders/ord_none", ANN)):
            assert code_of(service.call(method, where + end, token, **options)) == (404, "order_not_found")
    assert service.events(path.rpartition("/")[2]) == ["order.placed"]


def test_staff_see_every_order_and_may_write_on_it(service: Service) -> None:
    service.product("A")
    mine, yours = service.placed(("A", 1)), service.placed(("A", 1), token=BOB)
    assert {order["id"] for order in walk(service, "/v1/orders?limit=1", STAFF)} == {mine["id"], yours["id"]}
    assert [order["id"] for order in walk(service, f"/v1/orders?customer_id={BOB}", STAFF)] == [yours["id"]]
    assert [order["id"] for order in walk(service, "/v1/orders?limit=1")] == [mine["id"]]
    assert walk(service, f"/v1/orders?customer_id={BOB}") == []
    assert service.call("POST", f"/v1/orders/{yours['id']}/cancel", STAFF, json={}).status_code == 200


def test_reading_all_does_not_allow_writing_all(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 1))["id"]
    reader = "usr_reader orders:read:all"
    assert service.order(order_id, reader)["id"] == order_id
    assert code_of(service.call("POST", f"/v1/orders/{order_id}/cancel", reader, json={})) == (404, "order_not_found")


def test_a_walk_neither_repeats_nor_skips_while_orders_are_placed(service: Service) -> None:
    service.product("A", stock=1000)
    before = [service.placed(("A", 1))["id"] for _ in range(23)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = service.call("GET", f"/v1/orders?limit=5{cursor}").json
        seen += [order["id"] for order in page["data"]]
        service.placed(("A", 1))
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == before[::-1]


def test_equal_times_are_ordered_by_id_in_both_directions(service: Service) -> None:
    service.product("A")
    ids = {service.placed(("A", 1))["id"] for _ in range(9)}
    service.execute("UPDATE orders SET placed_at = '2026-01-01T00:00:00Z'")
    down = [order["id"] for order in walk(service, "/v1/orders?limit=2")]
    up = [order["id"] for order in walk(service, "/v1/orders?limit=2&sort=created_at")]
    assert (down, up) == (sorted(ids, reverse=True), sorted(ids))


def test_filters_narrow_the_list(service: Service) -> None:
    service.product("A")
    kept, gone = service.placed(("A", 1), external_reference="PO-1"), service.placed(("A", 1))
    service.call("POST", f"/v1/orders/{gone['id']}/cancel", json={})

    def ids(query: str) -> list[str]:
        return [order["id"] for order in walk(service, f"/v1/orders?{query}")]

    assert ids("status=pending") == [kept["id"]]
    assert ids("status=canceled,expired") == [gone["id"]]
    assert ids("status=canceled,pending") == [gone["id"], kept["id"]]
    assert ids("payment_status=paid") == []
    assert ids("payment_status=none&fulfillment_status=unfulfilled") == [gone["id"], kept["id"]]
    assert ids(f"number={kept['number']}") == [kept["id"]]
    assert ids("external_reference=PO-1") == [kept["id"]]
    assert ids("channel=web&status=pending") == [kept["id"]]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(f"created_from={tomorrow}") == []
    assert ids(f"created_to={tomorrow}") == [gone["id"], kept["id"]]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "status=lost",
        "sort=total",
        "page=2",
        "created_from=yesterday",
        "limit=1&limit=2",
    ],
)
def test_a_query_that_is_not_understood_is_refused(service: Service, query: str) -> None:
    assert code_of(service.call("GET", f"/v1/orders?{query}")) == (400, "invalid_query")


def test_damaged_foreign_and_stale_cursors_are_refused(service: Service) -> None:
    service.product("A")
    for _ in range(3):
        service.placed(("A", 1))
    cursor = service.call("GET", "/v1/orders?limit=1").json["next_cursor"]
    for query in (f"cursor={cursor[:-3]}", "cursor=AAAA", f"status=pending&cursor={cursor}", "cursor=%F0%9F"):
        assert code_of(service.call("GET", f"/v1/orders?{query}")) == (400, "invalid_cursor")
    assert code_of(service.call("GET", f"/v1/orders?cursor={cursor}", BOB)) == (400, "invalid_cursor")
    assert code_of(service.call("GET", f"/v1/products?cursor={cursor}", None)) == (400, "invalid_cursor")


def test_the_timeline_is_the_event_log_in_order(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 2))["id"]
    service.call("POST", f"/v1/orders/{order_id}/cancel", json={"lines": [{"line": 1, "quantity": 1}], "reason": "r"})
    service.call("POST", f"/v1/orders/{order_id}/cancel", json={"reason": "changed my mind"})
    entries = walk(service, f"/v1/orders/{order_id}/timeline?limit=2")
    assert [(entry["sequence"], entry["type"], entry["actor"]) for entry in entries] == [
        (1, "orders.order.placed", ANN),
        (2, "orders.order.edited", ANN),
        (3, "orders.order.canceled", ANN),
    ]
    assert [entry["data"]["version"] for entry in entries] == [1, 2, 3]
    assert [entry["data"]["status"] for entry in entries] == ["pending", "pending", "canceled"]
    assert entries[1]["data"]["canceled_lines"] == [{"line": 1, "quantity": 1}]
    assert entries[2]["data"]["reason"] == "changed my mind"


def test_private_notes_are_for_staff_in_list_and_timeline(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 1), note="ring twice")["id"]
    path = f"/v1/orders/{order_id}"
    assert service.call("POST", f"{path}/notes", STAFF, json={"text": "watch him"}).json["public"] is False
    assert service.call("POST", f"{path}/notes", STAFF, json={"text": "on its way", "public": True}).status_code == 201
    mine = service.call("POST", f"{path}/notes", json={"text": "thanks\nAnn"}, key=None)
    assert (mine.status_code, mine.json["public"], mine.json["author"]) == (201, True, ANN)
    assert [note["text"] for note in walk(service, f"{path}/notes?limit=1")] == [
        "ring twice",
        "on its way",
        "thanks\nAnn",
    ]
    assert len(walk(service, f"{path}/notes?limit=3", STAFF)) == 4
    assert [entry["sequence"] for entry in walk(service, f"{path}/timeline?limit=1")] == [1, 3, 4]
    assert [entry["sequence"] for entry in walk(service, f"{path}/timeline?limit=1", STAFF)] == [1, 2, 3, 4]
    assert "watch him" not in str(service.rows("SELECT data FROM event_log"))


def test_a_customer_cannot_write_a_private_note(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 1))["id"]
    response = service.call("POST", f"/v1/orders/{order_id}/notes", json={"text": "x", "public": False})
    assert code_of(response) == (422, "validation_failed")
    assert service.call("POST", f"/v1/orders/{order_id}/notes", json={"text": "x\x00"}).status_code == 400


def test_reading_needs_no_right_to_write(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 1), note="n")["id"]
    with service.engine.begin() as connection:
        connection.execute(sa.text("DROP ROLE IF EXISTS reader"))
        connection.execute(sa.text("CREATE ROLE reader LOGIN PASSWORD 'reader'"))
        connection.execute(sa.text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    url = sa.make_url(service.url).set(username="reader", password="reader").render_as_string(hide_password=False)
    reader = Service(url)
    paths = ["", "/timeline", "/notes", "/payments", "/refunds", "/fulfillments"]
    for path in ["/v1/orders", "/v1/products", "/v1/products/A", *(f"/v1/orders/{order_id}{end}" for end in paths)]:
        assert reader.call("GET", path).status_code in {200, 405}, path
    reader.close()
    with service.engine.begin() as connection:
        connection.execute(sa.text("DROP OWNED BY reader"))
        connection.execute(sa.text("DROP ROLE reader"))


def test_a_thousand_odd_ids_are_404_and_never_500(service: Service) -> None:
    signs = "ord_0123456789abcdef%'\"\\;-\u00e4\u6f22 "
    chance = random.Random(3)
    for _ in range(200):
        order_id = "".join(chance.choices(signs, k=chance.randint(1, 40)))
        status = service.call("GET", f"/v1/orders/{order_id.replace('%', '%25')}").status_code
        assert status in {404, 400}, order_id

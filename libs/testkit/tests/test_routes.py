"""The walk over the routes sees a hole: a route without a rule, an open door, an answer nobody promised."""

import pytest
from flask import Blueprint, Response
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    ServiceParts,
    create_service_app,
    json_answer,
    operation,
    staff,
)
from waybill_testkit.callers import TokenIsTheCaller
from waybill_testkit.routes import all_are, of_kind, scopes_of, statuses, walk

pytestmark = pytest.mark.unit


class ThingOut(BaseModel):
    id: str


def build():
    things = GuardedBlueprint("things", __name__, access=PERSON)
    shelves = GuardedBlueprint("shelves", __name__, access=staff("shelves:write"))

    @things.get("/things/<thing_id>")
    @operation(answers={200: ThingOut})
    def show(thing_id: str) -> Response:
        return json_answer({"id": thing_id})

    @things.get("/things")
    @operation(answers={200: ThingOut})
    def show_more_than_promised() -> Response:
        return json_answer({"id": "1", "secret": "x"})

    @things.delete("/things/<thing_id>")
    @operation(answers={204: None})
    def remove(thing_id: str) -> Response:
        return json_answer({}, 202)

    @shelves.post("/shelves")
    @operation(keyed=True, if_match=True, answers={200: None})
    def add(key: object, if_match: object) -> Response:
        return json_answer({})

    hole = Blueprint("hole", __name__)
    hole.get("/hole")(lambda: "come in")
    app = create_service_app(
        ServiceParts(
            name="test", registry=CollectorRegistry(), verifier=TokenIsTheCaller(), blueprints=[things, shelves]
        )
    )
    app.register_blueprint(hole)
    return app


@pytest.fixture
def app():
    return build()


@pytest.fixture
def routes(app):
    return walk(app)


def test_every_route_is_walked_with_its_rule(routes):
    assert [(route.name, route.kind) for route in routes] == [
        ("GET /hole", "none"),
        ("GET /openapi.json", "public"),
        ("POST /shelves", "staff"),
        ("GET /things", "person"),
        ("DELETE /things/<thing_id>", "person"),
        ("GET /things/<thing_id>", "person"),
    ]
    assert scopes_of(routes) == {"shelves:write"}


def test_an_open_door_is_seen(app, routes):
    guarded = of_kind(routes, "person", "staff")
    assert statuses(app, guarded) == all_are(401, guarded)
    assert statuses(app, [*guarded, routes[0]]) != all_are(401, [*guarded, routes[0]])


def test_a_route_gets_the_headers_and_ids_that_it_needs(app, routes):
    by_name = {route.name: route for route in routes}
    assert by_name["POST /shelves"].call(app, "usr_sam shelves:write").status_code == 200
    assert by_name["GET /things/<thing_id>"].call(app, "usr_ann", {"thing_id": "t1"}).json == {"id": "t1"}
    assert by_name["GET /things/<thing_id>"].call(app, "usr_ann").json != {"id": "t1"}
    assert by_name["GET /things"].call(app, "nobody").status_code == 401


def test_an_answer_that_was_not_promised_is_a_fault(app, routes):
    faults = {route.name: len(route.faults(route.call(app, "usr_ann"))) for route in of_kind(routes, "person", "staff")}
    assert faults == {
        "POST /shelves": 0,  # a problem: the scope is missing
        "GET /things": 1,
        "DELETE /things/<thing_id>": 1,
        "GET /things/<thing_id>": 0,
    }

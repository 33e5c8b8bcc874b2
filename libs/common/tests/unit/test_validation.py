"""Row 35 and 36 of the attack list: wrong types, unknown members, bad values, each with its pointer."""

from typing import Annotated

import pytest
from pydantic import Field
from waybill_common.problems import Input, Line, Problem, validate

pytestmark = pytest.mark.unit


class Item(Input):
    sku: Annotated[Line, Field(min_length=1, max_length=5)]
    quantity: Annotated[int, Field(ge=1, le=10)]


class Body(Input):
    lines: Annotated[list[Item], Field(min_length=1)]
    note: Line | None = None


def refused(body: dict) -> Problem:
    with pytest.raises(Problem) as caught:
        validate(Body, body)
    return caught.value


@pytest.mark.parametrize("quantity", ["1", 1.0, True, None, [1], {"$ne": ""}])
def test_row_35_a_member_of_the_wrong_type_is_a_400(quantity):
    problem = refused({"lines": [{"sku": "A", "quantity": quantity}]})
    assert (problem.status, problem.code) == (400, "invalid_request")
    assert problem.errors[0]["pointer"] == "/lines/0/quantity"


def test_row_36_an_unknown_member_is_a_400():
    problem = refused({"lines": [{"sku": "A", "quantity": 1}], "role": "admin"})
    assert (problem.status, problem.code) == (400, "unknown_field")
    assert problem.errors[0]["pointer"] == "/role"


def test_every_bad_value_is_reported_at_once_as_a_422():
    problem = refused({"lines": [{"sku": "", "quantity": 0}, {"sku": "toolong", "quantity": 11}, {"sku": "A"}]})
    assert (problem.status, problem.code) == (422, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in problem.errors] == [
        ("/lines/0/sku", "min_length"),
        ("/lines/0/quantity", "min"),
        ("/lines/1/sku", "max_length"),
        ("/lines/1/quantity", "max"),
        ("/lines/2/quantity", "required"),
    ]


@pytest.mark.parametrize("note", ["a\nb", "a\rb", "a\x00", "a\u202eb", "a\u2066b", "\x9b31m"])
def test_row_37_and_38_a_line_holds_no_control_or_direction_characters(note):
    assert refused({"lines": [{"sku": "A", "quantity": 1}], "note": note}).status == 422


def test_a_good_body_is_frozen():
    body = validate(Body, {"lines": [{"sku": "A", "quantity": 1}]})
    with pytest.raises(ValueError, match="frozen"):
        body.note = "x"

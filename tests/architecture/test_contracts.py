"""The promises between services agree with each other and with the code: schemas, examples, bindings, types."""

import ast
import json
import re
from pathlib import Path

import jsonschema
import pytest
from waybill_common.messaging import topology

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "contracts" / "events"
SCHEMAS = sorted(path for path in EVENTS.glob("*/*.v*/schema.json"))
PRODUCERS = sorted(path.name for path in EVENTS.iterdir() if path.name != "envelope.v1")
# What a service calls to say that something happened; the first argument, or `type=`, is the type.
TELLERS = {"NewEvent", "Fact", "Happening"}


def event_type(schema: Path) -> str:
    return f"{schema.parent.parent.name}.{schema.parent.name.rpartition('.v')[0]}"


@pytest.mark.parametrize("path", SCHEMAS, ids=event_type)
def test_every_event_has_examples_and_they_keep_its_schema(path):
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    envelope_schema = json.loads((EVENTS / "envelope.v1" / "schema.json").read_text())
    examples = sorted((path.parent / "examples").glob("*.json"))
    assert examples, f"{path.parent} has no example"
    for example in examples:
        envelope = json.loads(example.read_text())
        jsonschema.validate(envelope, envelope_schema)
        jsonschema.validate(envelope["data"], schema)
        assert envelope["type"] == event_type(path)


@pytest.mark.parametrize("path", SCHEMAS, ids=event_type)
def test_an_event_is_marked_as_bound_exactly_when_a_queue_is_bound_for_it(path):
    assert json.loads(path.read_text())["x-bound"] is topology.is_bound(event_type(path))


def test_examples_hold_no_address_and_no_secret():
    for example in EVENTS.glob("*/*/examples/*.json"):
        text = example.read_text()
        assert "@" not in text, f"{example} holds an address"
        assert not [word for word in ("password_hash", "token", "secret", "link") if f'"{word}"' in text]


def written_types(node, producer):
    """A pattern for the types that one call writes; None when the call gets its type from another."""
    given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "type")]
    if not given or not isinstance(given[0], ast.Constant | ast.JoinedStr):
        return None
    parts = given[0].values if isinstance(given[0], ast.JoinedStr) else [given[0]]
    text = "".join(re.escape(part.value) if isinstance(part, ast.Constant) else "[a-z_.]+" for part in parts)
    text = text.removeprefix(re.escape(f"{producer}."))
    return None if text == "[a-z_.]+" else f"{re.escape(producer)}\\.{text}"


def patterns_of(producer):
    return {
        pattern
        for path in (ROOT / f"services/{producer}/src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) in TELLERS or getattr(node.func, "attr", None) in TELLERS)
        if (pattern := written_types(node, producer))
    }


@pytest.mark.parametrize("producer", PRODUCERS)
def test_the_types_that_code_writes_and_the_contracts_are_the_same(producer):
    promised = {event_type(path) for path in SCHEMAS if path.parent.parent.name == producer}
    patterns = patterns_of(producer)
    assert {found for found in patterns if not any(re.fullmatch(found, name) for name in promised)} == set()
    assert {name for name in promised if not any(re.fullmatch(found, name) for found in patterns)} == set()


def test_the_comparison_of_types_can_fail():
    def read(source):
        return written_types(ast.parse(source).body[0].value, "orders")

    assert read('Happening("order.forgotten")') == r"orders\.order\.forgotten"
    assert re.fullmatch(read('Happening(f"refund.{verb}")'), "orders.refund.failed")
    assert read('NewEvent(f"orders.{event.type}")') is None


def test_every_producer_is_a_service_and_every_service_a_producer():
    assert sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir()) == PRODUCERS

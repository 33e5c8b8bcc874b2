"""The promises between services agree with each other: schemas, examples, bindings, OpenAPI documents."""

import json
from pathlib import Path

import jsonschema
import pytest
from waybill_common.messaging import topology

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "contracts" / "events"
SCHEMAS = sorted(path for path in EVENTS.glob("*/*.v*/schema.json"))


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

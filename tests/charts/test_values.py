"""Every value of a chart is described in its schema and its README, and no schema lets an unknown one through."""

import json

import pytest

from tools.charts.render import CHARTS, applications, parse

# Open on purpose: other charts keep their globals there too, and a subchart's values are held to its own schema.
OPEN = {"/properties/global", "/definitions/service"}


def leaves(values, path=()):
    """Every path of values.yaml that has no map below it; a map with nothing in it is one too."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name)


def described(schema, path, root):
    """Whether a value, or a map it lies in, has a description of its own."""
    node = schema
    for name in path:
        node = resolved(node, root).get("properties", {}).get(name)
        if node is None:
            return False
        if resolved(node, root).get("description") or node.get("description"):
            return True
    return False


def resolved(node, root):
    """Follow a reference, and the one part of an `allOf` that stands in for it."""
    while "$ref" in node or (len(node.get("allOf", [])) == 1 and "properties" not in node):
        target = node.get("$ref") or node["allOf"][0].get("$ref", "")
        if not target:
            return node
        inner = root
        for step in target.removeprefix("#/").split("/"):
            inner = inner[step]
        node = inner | {key: value for key, value in node.items() if key not in {"$ref", "allOf"}}
    return node


def undescribed(values, schema):
    return [".".join(path) for path in leaves(values) if not described(schema, path, schema)]


def read(chart):
    (values,) = parse((CHARTS / chart / "values.yaml").read_text(encoding="utf-8"))
    return values, json.loads((CHARTS / chart / "values.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("chart", applications())
def test_the_schema_describes_every_value(chart):
    assert undescribed(*read(chart)) == []


@pytest.mark.parametrize("chart", applications())
def test_the_readme_describes_every_value(chart):
    text = (CHARTS / chart / "README.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    values, _ = read(chart)

    missing = [
        ".".join(path)
        for path in leaves(values)
        if not rows & {".".join(path[:depth]) for depth in range(1, len(path) + 1)}
    ]
    assert missing == []


def open_objects(schema, path=""):
    """The places where a schema takes any name; the items of lists are Kubernetes' own and checked when rendered."""
    if isinstance(schema, list):
        for number, each in enumerate(schema):
            yield from open_objects(each, f"{path}[{number}]")
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema.get("additionalProperties") is not False:
            yield path or "the root"
        for name, each in schema.items():
            if name != "items":
                yield from open_objects(each, f"{path}/{name}")


@pytest.mark.parametrize("chart", applications())
def test_no_map_with_known_names_takes_an_unknown_one(chart):
    _, schema = read(chart)

    assert set(open_objects(schema)) <= OPEN


@pytest.mark.parametrize("chart", applications())
def test_a_parent_chart_may_hand_down_what_helm_hands_down(chart):
    _, schema = read(chart)
    handed_down = {"global", "common", "enabled"} if chart in {"auth", "orders", "notifier"} else {"global"}

    assert handed_down <= schema["properties"].keys()


def test_what_is_missing_is_noticed():
    schema = {
        "properties": {
            "image": {"properties": {"tag": {"description": "Tag."}, "digest": {}}},
            "web": {"$ref": "#/definitions/process"},
        },
        "definitions": {"process": {"properties": {"replicas": {"description": "Pods."}}}},
    }
    values = {"image": {"tag": "", "digest": ""}, "web": {"replicas": 1, "sleep": 2}, "extra": []}

    assert undescribed(values, schema) == ["image.digest", "web.sleep", "extra"]
    assert list(open_objects(schema)) == ["the root", "/properties/image", "/definitions/process"]

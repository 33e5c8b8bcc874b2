"""Writes each service chart's values.schema.json from the settings class, or with --check says whether it is current.

The types of the values that all services share stand in charts/common/service.schema.json; of those, a chart gets the
ones that its values.yaml has, with the comments there as descriptions.
"""

import copy
import json
import sys
from typing import Any

from pydantic import SecretStr
from waybill_common.settings import ServiceSettings
from waybill_common.settings.service import variable_name

from tools.charts.values import CHARTS, described_values
from tools.write_settings import settings_of

SERVICES = ("auth", "orders", "notifier")
Schema = dict[str, Any]
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "pattern", "enum", "minLength", "maxLength")


def main(arguments: list[str]) -> int:
    """0 when the files were written or are up to date, 1 when one is not."""
    for service in SERVICES:
        target = CHARTS / service / "values.schema.json"
        text = json.dumps(schema_of(service), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in arguments:
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            print(
                f"error: charts/{service}/values.schema.json is not up to date; run make charts-docs", file=sys.stderr
            )
            return 1
    return 0


def schema_of(service: str) -> Schema:
    """Return the schema of a service chart's values."""
    settings = settings_of(service)
    schema: Schema = json.loads((CHARTS / "common" / "service.schema.json").read_text(encoding="utf-8"))
    values = described_values(service)
    known = {value.path[:depth] for value in values for depth in range(1, len(value.path) + 1)}
    kept = {"config": _config(settings), "secrets": _secrets(settings)}
    schema["properties"] = _narrow(schema["properties"], known, ()) | kept
    for value in values:
        _describe(schema, value.path, value.description, value.default)
    if "worker_grace_seconds" in settings.model_fields:
        least = settings.model_fields["worker_grace_seconds"].default
        schema["properties"]["worker"]["properties"]["terminationGracePeriodSeconds"]["minimum"] = least
    return schema


def _narrow(properties: Schema, known: set[tuple[str, ...]], at: tuple[str, ...]) -> Schema:
    """Return the properties that the chart has; what only a parent chart sets is in none and stays."""
    narrowed = {}
    for name, schema in properties.items():
        path = (*at, name)
        if path in known or "description" in schema:
            inner = schema.get("properties")
            narrowed[name] = schema | {"properties": _narrow(inner, known, path)} if inner else schema
    return narrowed


def _describe(schema: Schema, path: tuple[str, ...], description: str, default: Any) -> None:
    """Write description and default to where the path leads; a reference on the way is replaced by what it names."""
    node = schema
    for name in path[:-1]:
        properties = node["properties"]
        if "$ref" in properties[name]:
            kind = properties[name]["$ref"].rpartition("/")[2]
            properties[name] = copy.deepcopy(schema["definitions"][kind])
        node = properties[name]
    leaf = node["properties"][path[-1]]
    # Draft 7, the newest that Helm 3 reads, ignores what stands beside a reference.
    leaf = {"allOf": [leaf]} if "$ref" in leaf else leaf
    node["properties"][path[-1]] = leaf | {"description": description, "default": default}


def _config(settings: type[ServiceSettings]) -> Schema:
    schemas = settings.model_json_schema()["properties"]
    properties = {}
    for name, field in settings.model_fields.items():
        if field.annotation is not SecretStr:
            properties[variable_name(settings, name)] = _setting(schemas[name], field.description)
    for port in ("admin_port", "web_port"):
        properties[variable_name(settings, port)]["minimum"] = 1
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _setting(schema: Schema, description: str | None) -> Schema:
    schema = next((kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"), schema)
    said = {"description": description} if description else {}
    if schema.get("type") == "array":
        return {"type": "string"} | said
    return {"type": schema.get("type", "string")} | {name: schema[name] for name in _BOUNDS if name in schema} | said


def _secrets(settings: type[ServiceSettings]) -> Schema:
    secrets = [name for name, field in settings.model_fields.items() if field.annotation is SecretStr]
    properties = {variable_name(settings, name): {"$ref": "#/definitions/secret"} for name in secrets}
    return {"type": "object", "additionalProperties": False, "properties": properties}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

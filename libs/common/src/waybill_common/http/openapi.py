"""The OpenAPI document of a service, made from its URL map and the declared operations."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, current_app
from pydantic import BaseModel
from werkzeug.routing import Rule

from waybill_common.http.access import PUBLIC, Access, GuardedBlueprint, access_of
from waybill_common.http.answers import json_answer
from waybill_common.http.operation import ATTRIBUTE, Operation, operation

_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_METHODS = ("get", "put", "post", "patch", "delete")


def openapi_blueprint(name: str) -> GuardedBlueprint:
    """Return the blueprint that answers `/openapi.json`."""
    blueprint = GuardedBlueprint("openapi", __name__, access=PUBLIC)

    @blueprint.get("/openapi.json")
    @operation(answers={200: None})
    def show() -> Response:
        """Return this document."""
        document = current_app.extensions.get("openapi")
        if document is None:
            document = current_app.extensions["openapi"] = openapi_document(current_app, name)
        return json_answer(document, cache="public, max-age=300")

    return blueprint


def openapi_document(app: Flask, name: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the application: paths in the order of their names.

    `x-public` and `x-scope` say who may call an operation; the guard of its blueprint enforces it.
    """
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        path = _PARAMETER.sub(r"{\1}", rule.rule)
        for method in _METHODS:
            if rule.methods is not None and method.upper() in rule.methods:
                paths.setdefault(path, {})[method] = _describe(app, rule, method, schemas)
    _number_repeated_ids(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Waybill {name}", "version": "1.0.0"},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _number_repeated_ids(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """An endpoint with two addresses is two operations, and no two may share an id (OpenAPI 3.1 section 4.8.10)."""
    seen: Counter[str] = Counter()
    for operations in paths.values():
        for described in operations.values():
            name = described["operationId"]
            seen[name] += 1
            if seen[name] > 1:
                described["operationId"] = f"{name}_{seen[name]}"


def _describe(app: Flask, rule: Rule, method: str, schemas: dict[str, Any]) -> dict[str, Any]:
    view = app.view_functions[rule.endpoint]
    contract: Operation = getattr(view, ATTRIBUTE, Operation())
    summary = (view.__doc__ or rule.endpoint).strip().splitlines()[0]
    described: dict[str, Any] = {"operationId": rule.endpoint.replace(".", "_"), "summary": summary}
    described |= _access(access_of(rule.endpoint, app.blueprints))
    parameters = [_path_parameter(name) for name in sorted(rule.arguments)]
    parameters += _headers(contract) + _query(contract, schemas)
    if parameters:
        described["parameters"] = parameters
    if contract.body is not None:
        required = any(info.is_required() for info in contract.body.model_fields.values())
        described["requestBody"] = {"required": required, "content": _json(contract.body, schemas)}
    elif contract.form and method == "post":
        described["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
    described["responses"] = _responses(contract.answers or {200: None}, schemas)  # a page declares none
    return described


def _access(access: Access | None) -> dict[str, Any]:
    if access is None or access.kind == "public":
        return {"x-public": True}
    if access.kind == "client":
        return {"x-client-authenticated": True}
    rule: dict[str, Any] = {"security": [{"bearer": []}], "x-caller": access.kind}
    return rule | ({"x-scope": access.scope} if access.scope else {})


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _headers(contract: Operation) -> list[dict[str, Any]]:
    headers = []
    if contract.keyed:
        headers.append(_header("Idempotency-Key", required=contract.keyed is True))
    if contract.if_match:
        headers.append(_header("If-Match", required=True))
    return headers


def _header(name: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}}


def _query(contract: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if contract.query is None:
        return []
    schema = _schema(contract.query, schemas)
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": kind}
        for name, kind in sorted(schema["properties"].items())
    ]


def _responses(answers: Mapping[int, type[BaseModel] | None], schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for status, model in sorted(answers.items()):
        described[str(status)] = {"description": "Success" if status < 400 else "Refused"}
        if model is not None:
            described[str(status)]["content"] = _json(model, schemas)
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described["default"] = {"description": "A problem (RFC 9457)", "content": problem}
    return described


def _json(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    schemas[model.__name__] = _schema(model, schemas)
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def _schema(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    return schema


_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; switch on `code`.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "retryable"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "retryable": {"type": "boolean"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}

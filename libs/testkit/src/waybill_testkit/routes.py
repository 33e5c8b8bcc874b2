"""The routes of an application as tests walk them: made from its URL map, so that a new route is walked too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from flask import Flask
from pydantic import ValidationError
from waybill_common.http import Access, access_of
from waybill_common.http.operation import ATTRIBUTE, Operation
from werkzeug.test import TestResponse

_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_METHODS = frozenset({"GET", "PUT", "POST", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Route:
    """One method of one path; `access` is None where its blueprint has no rule."""

    method: str
    path: str
    parameters: frozenset[str]
    access: Access | None
    contract: Operation

    @property
    def name(self) -> str:
        """`GET /v1/orders/<order_id>`."""
        return f"{self.method} {self.path}"

    @property
    def kind(self) -> str:
        """The kind of the access rule; "none" where there is none."""
        return "none" if self.access is None else self.access.kind

    def call(
        self, app: Flask, token: str | None = None, ids: Mapping[str, str] | None = None, body: Any = None
    ) -> TestResponse:
        """Call it with a bearer token, with these ids (others are unknown ones) and with the headers it demands."""
        given = ids or {}
        path = _PARAMETER.sub(lambda found: given.get(found[1], f"x{uuid4().hex}"), self.path)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if self.contract.keyed:
            headers["Idempotency-Key"] = str(uuid4())
        if self.contract.if_match:
            headers["If-Match"] = '"1"'
        content = (body or {}) if self.contract.body is not None else None
        return app.test_client().open(path, method=self.method, headers=headers, json=content)

    def faults(self, answer: TestResponse) -> list[str]:
        """What an answer has that the route's contract does not say, or lacks of it; nothing for a problem."""
        if answer.content_type == "application/problem+json":
            return []
        answers = self.contract.answers or {200: None}
        if answer.status_code not in answers:
            return [f"{self.name}: {answer.status_code} is not declared"]
        model = answers[answer.status_code]
        if model is None:
            return []
        try:
            told = model.model_validate_json(answer.data).model_dump(mode="json")
        except ValidationError as error:
            return [f"{self.name}: {error}"]
        return [] if told == answer.json else [f"{self.name}: the model would say {told}, the answer is {answer.json}"]


def walk(app: Flask) -> list[Route]:
    """Return every route of the application, by path and method."""
    found = [
        Route(
            method,
            rule.rule,
            frozenset(rule.arguments),
            access_of(rule.endpoint, app.blueprints),
            getattr(app.view_functions[rule.endpoint], ATTRIBUTE, Operation()),
        )
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & _METHODS
    ]
    return sorted(found, key=lambda route: (route.path, route.method))


def of_kind(routes: Iterable[Route], *kinds: str) -> list[Route]:
    """Return the routes whose access rule is of one of these kinds."""
    return [route for route in routes if route.kind in kinds]


def scopes_of(routes: Iterable[Route]) -> frozenset[str]:
    """Return every scope that some route asks for."""
    return frozenset(route.access.scope for route in routes if route.access is not None and route.access.scope)


def statuses(app: Flask, routes: Iterable[Route], token: str | None = None) -> dict[str, int]:
    """Call the routes with unknown ids and return each one's status by its name."""
    return {route.name: route.call(app, token).status_code for route in routes}


def all_are(status: int, routes: Iterable[Route]) -> dict[str, int]:
    """Return what `statuses` gives when every route answers with this status."""
    return {route.name: status for route in routes}

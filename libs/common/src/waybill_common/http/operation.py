"""What a route takes and gives, declared once: parsed before the view runs, and written into the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, TypeVar

from flask import Response, g, request
from pydantic import BaseModel

from waybill_common.http.conditions import require_if_match
from waybill_common.idempotency import KeyRequest, fingerprint, parse_key
from waybill_common.problems import Problem, parse_json, validate

View = TypeVar("View", bound=Callable[..., Response])

ATTRIBUTE = "waybill_operation"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The contract of one route; `answers` maps a status to the model of its body, None for an empty one."""

    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    keyed: bool | Literal["optional"] = False
    if_match: bool = False
    form: bool = False

    def arguments(self) -> dict[str, Any]:
        """Read the request into the view's keyword arguments; raises Problem for every fault.

        The order is: key header, conditions, query, body. (Token and scope were checked by the blueprint's guard.)
        """
        arguments: dict[str, Any] = {}
        key = _key_header() if self.keyed else None
        if self.keyed is True and key is None:
            detail = "Send an Idempotency-Key, for example a UUID, so that a retry does nothing twice."
            raise Problem(400, "idempotency_key_required", detail)
        self._read_query(arguments)
        parsed: dict[str, Any] | None = None
        if self.body is not None:
            parsed = self._read_body()
            arguments["body"] = validate(self.body, parsed)
        if self.keyed:
            arguments["key"] = None if key is None else _key_request(key, parsed)
        if self.if_match:
            arguments["if_match"] = require_if_match()
        return arguments

    def _read_query(self, arguments: dict[str, Any]) -> None:
        if self.query is None:
            if request.query_string and request.args and not self.form:
                names = ", ".join(sorted(request.args))
                raise Problem(400, "invalid_query", f"This route takes no query parameters; remove {names}.")
            return
        repeated = sorted(name for name, values in request.args.lists() if len(values) > 1)
        if repeated:
            raise Problem(400, "invalid_query", f"These query parameters stand twice: {', '.join(repeated)}.")
        arguments["query"] = validate(self.query, request.args.to_dict(), in_query=True)

    def _read_body(self) -> dict[str, Any]:
        raw = request.get_data(cache=False)
        assert self.body is not None
        if not raw and all(not info.is_required() for info in self.body.model_fields.values()):
            return {}
        return parse_json(raw, request.headers.get("Content-Type"))


def operation(
    *,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    answers: Mapping[int, type[BaseModel] | None] | None = None,
    **flags: Any,
) -> Callable[[View], View]:
    """Declare a view's contract; stacks directly under the route decorator.

    The view gets the keyword arguments `body` and `query` (instances of their models), `key` (a KeyRequest; None when
    optional and absent) and `if_match`, each only where declared. Flags: `keyed=True|"optional"`, `if_match=True`,
    `form=True` for OAuth endpoints that read the form themselves.
    """
    contract = Operation(body=body, query=query, answers=answers or {}, **flags)

    def decorate(view: View) -> View:
        @wraps(view)
        def parsed(**path: Any) -> Response:
            return view(**path, **contract.arguments())

        setattr(parsed, ATTRIBUTE, contract)
        return parsed  # type: ignore[return-value]

    return decorate


def _key_header() -> str | None:
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    try:
        return parse_key(header)
    except ValueError as error:
        raise Problem(400, "invalid_idempotency_key", str(error)) from None


def _key_request(key: str, body: dict[str, Any] | None) -> KeyRequest:
    caller = g.get("caller")
    principal = caller.subject if caller is not None else "anonymous"
    rule = request.url_rule.rule if request.url_rule is not None else request.path
    scope = f"{principal} {request.method} {rule}"
    return KeyRequest(scope, key, fingerprint(request.method, request.path, body))

"""Request bodies and query parameters against their models, with all faults at once and a JSON pointer for each."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from waybill_common.problems.problem import Problem

M = TypeVar("M", bound=BaseModel)

# C0, DEL, C1 and the bidirectional overrides: they change how a name is shown, or where a header ends.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_PROSE_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WRONG_TYPE = re.compile(r"_type$|_parsing$|^model_|^int_from_float$|^is_instance_of$|^union_tag_not_found$")


class Input(BaseModel):
    """Base of every request body: strict types, no unknown member, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _one_line(text: str) -> str:
    # What is printable is neither, and that is asked ten times as quickly.
    if not text.isprintable() and _CONTROLS.search(text):
        raise ValueError("holds control or direction characters; remove them")
    return text


def _no_controls(text: str) -> str:
    if not text.isprintable() and _PROSE_CONTROLS.search(text):
        raise ValueError("holds control or direction characters; only line breaks and tabs are allowed")
    return text


Line = Annotated[str, AfterValidator(_one_line)]
"""Text of one line, safe to show and to put into a header."""

Prose = Annotated[str, AfterValidator(_no_controls)]
"""Text that may have line breaks."""


def validate(model: type[M], value: Mapping[str, Any], *, in_query: bool = False) -> M:
    """Return the model made from a parsed body or from query parameters.

    Raises Problem 400 `unknown_field` or `invalid_request` where a member is unknown or has the wrong type, 422
    `validation_failed` where the type is right and the value is not (or is missing); `errors` lists every fault. In a
    query everything is text, so a fault there is always 400 `invalid_query`.
    """
    try:
        return model.model_validate(value, strict=False if in_query else None)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise _problem([(str(fault["type"]), fault["loc"], fault["msg"]) for fault in faults], in_query) from None


def _problem(faults: list[tuple[str, tuple[int | str, ...], str]], in_query: bool) -> Problem:
    errors = [{"pointer": _pointer(where), "code": _code(kind), "detail": message} for kind, where, message in faults]
    if in_query:
        names = ", ".join(sorted({error["pointer"][1:] for error in errors}))
        return Problem(400, "invalid_query", f"Look at these query parameters: {names}.", errors=errors)
    kinds = {kind for kind, _, _ in faults}
    if "extra_forbidden" in kinds:
        return Problem(400, "unknown_field", "The body has members that this route does not know.", errors=errors)
    if any(_WRONG_TYPE.search(kind) for kind in kinds):
        return Problem(400, "invalid_request", "The body has members of the wrong type.", errors=errors)
    return Problem(422, "validation_failed", "The body is well formed but some values are not allowed.", errors=errors)


def _pointer(where: tuple[int | str, ...]) -> str:
    """Return the JSON pointer (RFC 6901) of a fault's place."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in where)


def _code(kind: str) -> str:
    return {
        "extra_forbidden": "unknown_field",
        "missing": "required",
        "greater_than_equal": "min",
        "greater_than": "min",
        "less_than_equal": "max",
        "less_than": "max",
        "string_too_short": "min_length",
        "string_too_long": "max_length",
        "too_short": "min_length",
        "too_long": "max_length",
        "string_pattern_mismatch": "pattern",
    }.get(kind, kind)

"""Refusals in one form: RFC 9457 problems, strict JSON, and validation that reports every fault."""

from waybill_common.problems.problem import Problem
from waybill_common.problems.strict_json import parse_json
from waybill_common.problems.validation import Input, Line, Prose, validate

__all__ = ["Input", "Line", "Problem", "Prose", "parse_json", "validate"]

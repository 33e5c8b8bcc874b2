"""Rows 32 and 34 of the attack list: what a lenient JSON parser would let through."""

import pytest
from waybill_common.problems import Problem, parse_json

pytestmark = pytest.mark.unit

JSON = "application/json"


def refused(raw: bytes, content_type: str | None = JSON) -> Problem:
    with pytest.raises(Problem) as caught:
        parse_json(raw, content_type)
    return caught.value


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b"null",
        b"[]",
        b'"text"',
        b"",
        b"{",
        b'{"a": 1}x',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\\u0000"}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"[" * 8 + b"]" * 8 + b"}",
        b"\xff\xfe",
    ],
)
def test_row_34_a_body_that_is_not_one_plain_json_object_is_a_400(raw):
    problem = refused(raw)
    assert (problem.status, problem.code) == (400, "malformed_json")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x+json",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
    ],
)
def test_row_34_another_media_type_or_charset_is_a_415(content_type):
    assert refused(b"{}", content_type).status == 415


@pytest.mark.parametrize(
    "content_type", [JSON, "Application/JSON", f"{JSON}; charset=UTF-8", f'{JSON};charset="utf-8"']
)
def test_utf_8_json_is_read(content_type):
    assert parse_json('{"name": "가나 🙂", "n": [1, 2.5, true, null]}'.encode(), content_type) == {
        "name": "가나 🙂",
        "n": [1, 2.5, True, None],
    }


def test_eight_levels_are_read():
    assert parse_json(b'{"a": ' + b"[" * 7 + b"]" * 7 + b"}", JSON)

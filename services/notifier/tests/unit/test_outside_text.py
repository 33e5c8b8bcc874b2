"""Text from outside can neither inject, nor hide, nor link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_notifier.domain.outside_text import ZERO_WIDTH_SPACE, tame, tame_all

pytestmark = pytest.mark.unit
Z = ZERO_WIDTH_SPACE


@pytest.mark.parametrize(
    ("given_text", "tamed"),
    [
        ("Ann", "Ann"),
        ("  Ann \r\n Smith\t", "Ann Smith"),
        ("Bcc: x\r\nBcc: y", "Bcc: x Bcc: y"),
        ("a\x00b\x1bc\x7fd", "abcd"),
        ("evil\u202egnp.exe", f"evilgnp.{Z}exe"),
        ("=?UTF-8?Q?=0A?=Bcc:", "= ?UTF-8?Q?=0A?=Bcc:"),
        ("www.evil.com", f"www.{Z}evil.{Z}com"),
        ("https://evil.com", f"https:{Z}//evil.{Z}com"),
        ("javascript:x", f"javascript:{Z}x"),
        ("me@evil.com", f"me@{Z}evil.{Z}com"),
        ("10.0.0.1", f"10.{Z}0.{Z}0.1"),
        ("1.5 L, 19.99", "1.5 L, 19.99"),
        ("한글。쇼핑", f"한글。{Z}쇼핑"),
        ("머그컵", "머그컵"),
        ("a\u2028b\u0085c", "a b c"),
    ],
)
def test_tame(given_text, tamed):
    assert tame(given_text) == tamed


def test_long_text_is_cut():
    assert tame("x" * 200) == "x" * 99 + "…"


@given(st.text())
def test_nothing_dangerous_survives(value):
    tamed = tame(value)
    assert "=?" not in tamed
    assert not any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029\u202e" for c in tamed)
    assert "://" not in tamed


def test_values_inside_are_tamed_and_figures_stay():
    assert tame_all({"a": ["x.com", 1, None, True], "b": {"c": "y"}}) == {
        "a": [f"x.{Z}com", 1, None, True],
        "b": {"c": "y"},
    }
